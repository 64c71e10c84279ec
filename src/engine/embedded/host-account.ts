import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { HostAccount } from "./id-mappings.ts";
import { findProgram } from "./runtime.ts";

/** The account that runs us, with the ids that the host lends it. */
export function hostAccount(searchPath: string): HostAccount {
  const uid = process.geteuid?.() ?? 0;
  return {
    name: accountName() ?? String(uid),
    uid,
    gid: process.getegid?.() ?? 0,
    subuid: hostFile("/etc/subuid"),
    subgid: hostFile("/etc/subgid"),
    canMapRanges:
      findProgram("newuidmap", searchPath) !== undefined &&
      findProgram("newgidmap", searchPath) !== undefined,
  };
}

/** The text of a file of the host; empty when it cannot be read. */
export function hostFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Undefined for an id without an account, as in many CI containers. */
function accountName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
