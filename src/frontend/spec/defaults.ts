import type { DebianBase } from "../../graph/definition.ts";

/** With nothing said, the newest release: its Python gets wheels for the longest. */
export const DEFAULT_SUITE: DebianBase["suite"] = "trixie";
export const DEFAULT_WORKDIR = "/app";
export const VENV = "/opt/venv";

/** Accounts that base-passwd of bookworm and trixie brings: naming one makes none. */
const DEBIAN_ACCOUNTS: ReadonlySet<string> = new Set(
  "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc _apt nobody".split(
    " ",
  ),
);

export function isDebianAccount(name: string): boolean {
  return DEBIAN_ACCOUNTS.has(name);
}
