import { bookwormAutomatic, bookwormSecurityAutomatic, bookwormStable } from "./keys/bookworm.ts";
import { trixieAutomatic, trixieSecurityAutomatic, trixieStable } from "./keys/trixie.ts";
import type { Archive } from "./lock.ts";

const KEYS: Readonly<Record<Archive, readonly string[]>> = {
  debian: [bookwormAutomatic, trixieAutomatic, bookwormStable, trixieStable],
  "debian-security": [bookwormSecurityAutomatic, trixieSecurityAutomatic],
};

/** Armored public keys that may sign an archive: a suite is signed by its own and by its successor's. */
export function archiveKeys(archive: Archive): readonly string[] {
  return KEYS[archive];
}
