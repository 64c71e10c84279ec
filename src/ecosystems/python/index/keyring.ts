import { findOnPath } from "../uv/find-on-path.ts";
import { runProcess } from "../uv/run-process.ts";
import type { Credentials, KeyringLookup } from "./credentials.ts";

/**
 * The `keyring` command, as pip's and uv's subprocess provider run it: first for the URL, then for its host.
 * Without a user name it is asked for both (`--mode creds`, keyring 25). No command or no answer: nothing is known.
 */
export function keyringLookup(env: Readonly<Record<string, string | undefined>>): KeyringLookup {
  return async (url, username) => {
    const file = findOnPath(env, "keyring");
    if (file === undefined) return undefined;
    for (const service of [url, URL.parse(url)?.host]) {
      if (service === undefined) continue;
      const args = username === undefined ? ["--mode", "creds", "get", service] : ["get", service, username];
      const { code, stdout } = await runProcess({ file, args, env, cwd: "/", maxOutputBytes: 1 << 16 });
      const found = code === 0 ? answer(stdout, username) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

function answer(stdout: string, username: string | undefined): Credentials | undefined {
  const lines = stdout.split(/\r?\n/);
  const [user, password] = username === undefined ? lines : [username, lines[0]];
  return user === undefined || password === undefined || password === ""
    ? undefined
    : { username: user, password };
}
