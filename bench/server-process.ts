import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type ServerProcess = AsyncDisposable & { readonly origin: string };

/** Starts `node FILE ARGS…` of this folder, which prints its origin as its first line and serves until it is killed. */
export async function startServer(file: string, args: readonly string[]): Promise<ServerProcess> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const origin = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`${file} ended with exit code ${code}`)));
  });
  return {
    origin,
    async [Symbol.asyncDispose]() {
      child.kill();
      await ended;
    },
  };
}
