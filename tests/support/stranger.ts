import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { temporaryFolder } from "./temporary-folder.ts";

/** An id that has no account and no ranges on any machine. */
export const STRANGER = 54321;

/** A plain user to whom nothing is lent. */
export const stranger = ["setpriv", `--reuid=${STRANGER}`, `--regid=${STRANGER}`, "--clear-groups"];

/** In a mount namespace of its own, the machine's account files look as they do after `useradd`. */
export function asStranger(folder: { at(...parts: string[]): string }): string[] {
  const lines = {
    passwd: `stranger:x:${STRANGER}:${STRANGER}::${folder.at("store")}:/bin/sh\n`,
    group: `stranger:x:${STRANGER}:\n`,
    subuid: "stranger:100000:65536\n",
    subgid: "stranger:100000:65536\n",
  };
  const binds = Object.entries(lines).map(([name, line]) => {
    const path = folder.at(name);
    writeFileSync(path, line);
    return `{ [ ! -f /etc/${name} ] || cat /etc/${name} >> ${path}; } && touch /etc/${name} && mount --bind ${path} /etc/${name}`;
  });
  return ["unshare", "--mount", "sh", "-c", `${binds.join(" && ")} && exec "$0" "$@"`, ...stranger];
}

/** A folder with a `store` that is the stranger's. */
export function strangersHome() {
  const folder = temporaryFolder();
  // mkdtemp's folders are for their owner alone.
  chmodSync(folder.path, 0o755);
  mkdirSync(folder.at("store"));
  execFileSync("chown", [`${STRANGER}:${STRANGER}`, folder.at("store")]);
  return folder;
}
