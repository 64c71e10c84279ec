import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { runProcess } from "../../scripts/process.ts";
import { toolOf } from "./needs.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export type TestBuildKit = AsyncDisposable & {
  /**
   * Builds a Dockerfile with its context files and writes the result where `output` says; gives the log. Its client has
   * `env` besides the caller's.
   */
  build(
    dockerfile: string,
    output: string,
    files?: Readonly<Record<string, string>>,
    env?: Readonly<Record<string, string>>,
  ): Promise<string>;
  /** Solves a graph of LLB and writes the result where `output` says. */
  solve(definition: Uint8Array, output: string): Promise<void>;
  /** Builds the Dockerfile of a folder with further arguments of `buildctl build`; gives the log. */
  buildFolder(context: string, args: readonly string[]): Promise<string>;
};

/**
 * A real buildkitd of its own, with overlayfs and runc: needs root.
 * @param root for its state, which then stays; without, it goes with it
 */
export async function startBuildKit(root?: string): Promise<TestBuildKit> {
  const folder = temporaryFolder();
  const address = `unix://${folder.at("socket")}`;
  const log = folder.at("log");
  const config = folder.at("buildkitd.toml");
  // Its collector would take cache away as soon as the disk is rather full.
  writeFileSync(config, "[worker.containerd]\nenabled = false\n[worker.oci]\ngc = false\n");
  const script = 'exec "$0" "$@" >"$LOG" 2>&1';
  const options = ["--config", config, "--root", root ?? folder.at("root"), "--addr", address];
  const child = spawn("/bin/sh", ["-c", script, toolOf("buildkitd"), ...options], {
    env: { ...process.env, LOG: log, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  await isUp(address, child, log);
  let count = 0;
  return {
    build: async (dockerfile, output, files = {}, env = {}) => {
      count += 1;
      const context = folder.at(`context-${count}`);
      mkdirSync(context);
      for (const [name, text] of Object.entries({ Dockerfile: dockerfile, ...files }))
        writeFileSync(`${context}/${name}`, text);
      return buildFolder(address, context, ["--output", output], env);
    },
    solve: async (definition, output) => {
      count += 1;
      const path = folder.at(`definition-${count}`);
      writeFileSync(path, definition);
      const script = 'exec "$0" "$@" <"$DEFINITION"';
      const args = [
        toolOf("buildctl"),
        "--addr",
        address,
        "build",
        "--progress",
        "plain",
        "--output",
        output,
      ];
      const env = { ...process.env, DEFINITION: path };
      const { exitCode, stderr } = await runProcess("/bin/sh", ["-c", script, ...args], { env });
      if (exitCode !== 0) throw new Error(`buildctl: exit code ${exitCode}\n${stderr}`);
    },
    buildFolder: (context, args) => buildFolder(address, context, args),
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.kill("SIGTERM")) await ended;
      folder[Symbol.dispose]();
    },
  };
}

async function buildFolder(
  address: string,
  context: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const local = ["--local", `context=${context}`, "--local", `dockerfile=${context}`];
  const frontend = ["--frontend", "dockerfile.v0", "--progress", "plain"];
  const all = ["--addr", address, "build", ...frontend, ...local, ...args];
  const { exitCode, stdout, stderr } = await runProcess(toolOf("buildctl"), all, {
    env: { ...process.env, ...env },
  });
  if (exitCode === 0) return stdout + stderr;
  const dockerfile = readFileSync(`${context}/Dockerfile`, "utf8");
  throw new Error(`buildctl: exit code ${exitCode}\n${dockerfile}\n${stdout}${stderr}`);
}

async function isUp(address: string, child: ChildProcess, log: string): Promise<void> {
  for (let attempt = 0; attempt < 300 && child.exitCode === null; attempt++) {
    const socket = address.slice("unix://".length);
    if (existsSync(socket)) {
      const { exitCode } = await runProcess(toolOf("buildctl"), ["--addr", address, "debug", "workers"]);
      if (exitCode === 0) return;
    }
    await pause(100);
  }
  child.kill("SIGKILL");
  throw new Error(`buildkitd did not start: ${readFileSync(log, "utf8").slice(-3000)}`);
}
