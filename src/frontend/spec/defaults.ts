import type { DebianBase } from "../../graph/definition.ts";

/** With nothing said, the newest release: its Python gets wheels for the longest. */
export const DEFAULT_SUITE: DebianBase["suite"] = "trixie";
export const DEFAULT_WORKDIR = "/app";
export const VENV = "/opt/venv";

/** What Docker and OCI runtimes take when an image says nothing. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The environment of every image with Python (DESIGN §4). Unbuffered, so that logs appear when they are written. */
export const PYTHON_ENV: readonly (readonly [string, string])[] = [
  ["PATH", `${VENV}/bin:${DEFAULT_PATH}`],
  ["VIRTUAL_ENV", VENV],
  ["LANG", "C.UTF-8"],
  ["PYTHONUNBUFFERED", "1"],
];

/** Accounts that base-passwd of bookworm and trixie brings: naming one makes none. */
const DEBIAN_ACCOUNTS: ReadonlySet<string> = new Set(
  "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc _apt nobody".split(
    " ",
  ),
);

export function isDebianAccount(name: string): boolean {
  return DEBIAN_ACCOUNTS.has(name);
}
