import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/paths.ts";

/** What one whole command came to. */
export type Ran = {
  readonly stdout: string;
  readonly stderr: string;
  /** Highest resident memory of the process itself (all its threads), in bytes; 0 for what ends within 20 ms. */
  readonly peakRssBytes: number;
  /** The same summed over it and its children at any one moment. */
  readonly peakTreeRssBytes: number;
};

export type RunOptions = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Look at memory; it costs a little time, so it is off where only time counts. */
  readonly watchMemory?: boolean;
};

const LOOK_EVERY_MS = 20;

/** @throws Error with the end of its stderr when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = spawn(command, args, {
    env: { ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let stdout = "";
  let stderr = "";
  let peakRssBytes = 0;
  let peakTreeRssBytes = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const { pid } = child;
  const look =
    options.watchMemory === true && pid !== undefined
      ? setInterval(() => {
          peakRssBytes = Math.max(peakRssBytes, memoryOf(pid, "VmHWM"));
          peakTreeRssBytes = Math.max(peakTreeRssBytes, treeRss(pid));
        }, LOOK_EVERY_MS)
      : undefined;
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(look);
      if (code === 0) resolve({ stdout, stderr, peakRssBytes, peakTreeRssBytes });
      else
        reject(
          new Error(
            `${command} ${args.join(" ")}: exit code ${code}\n${stderr.slice(-4000) || stdout.slice(-4000)}`,
          ),
        );
    });
  });
}

/** A line of `/proc/PID/status` in bytes (proc(5)); 0 once the process is gone. */
function memoryOf(pid: number, field: "VmHWM" | "VmRSS"): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readProc(`${pid}/status`))?.[1] ?? 0) * 1024;
}

function treeRss(pid: number): number {
  const children = readProc(`${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return children.reduce((sum, child) => sum + treeRss(child), memoryOf(pid, "VmRSS"));
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    // It ended between two looks.
    return "";
  }
}

/** The bundle that users install, and the source that a checkout runs. */
export type Program = "bundle" | "source";

/** Arguments for `run` that start cambium with this very Node. */
export function cambium(program: Program, args: readonly string[]): [string, string[]] {
  const entry = program === "bundle" ? "bin/cambium.js" : "src/cli/entry.ts";
  return [process.execPath, [join(root, entry), ...args]];
}

/** One line of `--progress json`; only the members that benches read. */
export type Line = { readonly type: string } & Readonly<Record<string, unknown>>;

export function lines({ stderr }: Pick<Ran, "stderr">): Line[] {
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
}

/** Bytes of the layers that `after` has and `before` has not: what a registry would have to be sent. */
export function newLayerBytes(before: Ran, after: Ran): number {
  const known = new Set(lines(before).flatMap((line) => (line.type === "layer" ? [line.digest] : [])));
  return lines(after)
    .filter((line) => line.type === "layer" && !known.has(line.digest))
    .reduce((sum, line) => sum + Number(line.sizeBytes), 0);
}

/** Which variables of the caller reach the commands: no settings of pip, uv or cambium, but the way to the network. */
const passed =
  /^(PATH|LANG|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|PIP_CERT|(https?|all|no)_proxy)$/i;

/**
 * An environment in which everyone asks `indexUrl`; without one, the user's own settings hold. `home` is a folder, so that
 * no cache or configuration of the user takes part.
 */
export function environment(home: string, indexUrl?: string): Record<string, string | undefined> {
  if (indexUrl === undefined) return { ...process.env };
  const kept = Object.entries(process.env).filter(([name]) => passed.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    PIP_CONFIG_FILE: "/dev/null",
    PIP_INDEX_URL: indexUrl,
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
  };
}
