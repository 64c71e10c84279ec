import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf } from "../../errors.ts";
import type { Engine, EngineKind, Env } from "./engine.ts";
import { loadFailed } from "./load-error.ts";
import { watchedSource } from "./watched-source.ts";

/** Of what a program prints: enough for a message. */
const MAX_OUTPUT_BYTES = 1 << 14;

export type EngineProgram = {
  readonly kind: EngineKind;
  /** Absolute path. */
  readonly file: string;
  /** Succeed only when the program reaches what it needs. */
  readonly probe: readonly string[];
  /** Read an image tar from standard input. */
  readonly load: readonly string[];
};

/** An engine that is reached through a program of its own. */
export function engineProgram({ kind, file, probe, load }: EngineProgram, env: Env): Engine {
  const shown = [file, ...load].join(" ");
  return {
    kind,
    where: shown,
    async problem(signal) {
      const { code, output } = await run(file, probe, nothing(), env, signal);
      return code === 0 ? undefined : lastLine(output);
    },
    async load(tar, signal) {
      const { code, output } = await run(file, load, tar, env, signal);
      if (code !== 0) throw loadFailed(kind, shown, lastLine(output));
    },
  };
}

/**
 * Runs a program with `input` on standard input. When `input` throws, the program is ended before it could take what it
 * has for whole.
 */
async function run(
  file: string,
  args: readonly string[],
  input: AsyncIterable<Uint8Array>,
  env: Env,
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly output: string }> {
  signal.throwIfAborted();
  const child = spawn(file, args, { env: { ...env }, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-MAX_OUTPUT_BYTES);
    });
  }
  const end = () => child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  const source = watchedSource(input, end);
  // A program that ends early breaks the pipe; its exit code tells why.
  const [, ended] = await Promise.allSettled([
    pipeline(Readable.from(source.bytes, { objectMode: false }), child.stdin),
    once(child, "close"),
  ]);
  signal.removeEventListener("abort", end);
  signal.throwIfAborted();
  if (source.failure !== undefined) throw source.failure.error;
  // It could not be started.
  if (ended.status === "rejected") return { code: null, output: messageOf(ended.reason) };
  const [code] = ended.value as [number | null];
  return { code, output };
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) || "it failed without a word";
}

function nothing(): AsyncIterable<Uint8Array> {
  return Readable.from([]);
}
