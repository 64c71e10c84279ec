import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { root } from "../../scripts/paths.ts";
import { realUv } from "./uv.ts";

/**
 * The command under test: the source, or with `CAMBIUM_TEST_BUNDLE=1`, as the check sets it, the bundle that it made just
 * before, which is what people install and starts in half the time.
 */
export const cambiumCommand: readonly string[] =
  process.env.CAMBIUM_TEST_BUNDLE === "1"
    ? [join(root, "node_modules", ".bin", "node"), join(root, "bin", "cambium.js")]
    : [join(root, "bin", "cambium")];

/**
 * Of all tests: a store of a test's own has no compiled code yet, and each process at it would strip and compile the
 * whole source again.
 */
const compileCache = join(root, ".cache", "compile");

export type Ran = {
  /** 128 + the signal's number when one ended it, as a shell tells it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
};

export type RunOptions = {
  readonly store: string;
  readonly cwd?: string;
  /** On top of a PATH with uv and a HOME below the store's folder; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What stands before the command: `["taskset", "-c", "0"]`. */
  readonly wrapper?: readonly string[];
  /** Instead of the checkout's command: `[node, entry]`. */
  readonly command?: readonly string[];
  /** Told the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void;
};

/** Runs the real command line to its end, with an environment of its own and none of the caller's index settings. */
export async function cambium(args: readonly string[], options: RunOptions): Promise<Ran> {
  const uv = await realUv();
  const env: Record<string, string> = {};
  const given = {
    PATH: `${dirname(uv.path)}:${process.env.PATH ?? "/usr/bin:/bin"}`,
    HOME: join(dirname(options.store), "home"),
    CAMBIUM_ROOT: options.store,
    NODE_COMPILE_CACHE: compileCache,
    // As the machine has them: without, nothing outside can be reached on some.
    HTTP_PROXY: process.env.HTTP_PROXY,
    HTTPS_PROXY: process.env.HTTPS_PROXY,
    SSL_CERT_FILE: process.env.SSL_CERT_FILE,
    NO_PROXY: "127.0.0.1,localhost",
    ...options.env,
  };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) env[name] = value;
  const [file, ...rest] = [...(options.wrapper ?? []), ...(options.command ?? cambiumCommand), ...args] as [
    string,
    ...string[],
  ];
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, {
      cwd: options.cwd ?? "/",
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (part: string) => {
        text[name] += part;
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const seconds = (performance.now() - started) / 1000;
      resolve({ exitCode: code ?? (signal === "SIGKILL" ? 137 : 128), ...text, seconds });
    });
    options.onStart?.(child);
  });
}

/** The error as printed, from `error[CODE]` on. */
export function errorIn(ran: Ran): string {
  const at = ran.stderr.indexOf("error[");
  return at === -1 ? `no error, exit code ${ran.exitCode}:\n${ran.stderr}` : ran.stderr.slice(at);
}
