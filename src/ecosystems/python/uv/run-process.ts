import { spawn } from "node:child_process";
import { environmentError, messageOf } from "../../../errors.ts";

export type ProcessRequest = {
  readonly file: string;
  /** Seen by everyone on the machine through `ps`: never a secret. */
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin?: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of each stream that are kept; what comes later is dropped. Default 64 MiB. */
  readonly maxOutputBytes?: number;
};

/** `code` is -1 when a signal ended the process. */
export type ProcessResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/**
 * Runs a program without a shell and waits for its end. A failing exit code is a result, not an error.
 * @throws CambiumError `PROCESS_START` (exit 3) when it cannot be started; the signal's reason when aborted.
 */
export function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  const limit = request.maxOutputBytes ?? 64 << 20;
  return new Promise((resolve, reject) => {
    request.signal?.throwIfAborted();
    const child = spawn(request.file, request.args, {
      cwd: request.cwd,
      env: { ...request.env },
      stdio: ["pipe", "pipe", "pipe"],
      windowsHide: true,
    });
    const onAbort = () => child.kill("SIGTERM");
    request.signal?.addEventListener("abort", onAbort, { once: true });
    const stdout = collect(child.stdout, limit);
    const stderr = collect(child.stderr, limit);
    // A program may end before it has read its input (EPIPE); its exit code tells the story.
    child.stdin.on("error", () => undefined);
    child.stdin.end(request.stdin ?? "");
    child.on("error", (error) => {
      request.signal?.removeEventListener("abort", onAbort);
      reject(
        environmentError(
          "PROCESS_START",
          `cannot run ${request.file}: ${messageOf(error)}`,
          "Check that the program exists and may be executed.",
          error,
        ),
      );
    });
    child.on("close", (code) => {
      request.signal?.removeEventListener("abort", onAbort);
      if (request.signal?.aborted === true) reject(request.signal.reason);
      else resolve({ code: code ?? -1, stdout: stdout(), stderr: stderr() });
    });
  });
}

function collect(stream: NodeJS.ReadableStream, limit: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    if (size >= limit) return;
    chunks.push(chunk.subarray(0, limit - size));
    size += chunk.byteLength;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
