import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../scripts/paths.ts";
import { cambium, type Ran, type RunOptions } from "../support/command.ts";

/** Kept between runs for what it has downloaded; `fresh` makes a build compute everything else again. */
const folder = join(root, ".cache", "acceptance");
export const store = join(folder, "store");

/** No build of an earlier version of the source may answer: all is resolved, transcoded and composed anew. */
export const fresh = ["--no-cache", "--upgrade"] as const;

/** Builds from the index and the mirror that this machine is configured for. */
export async function run(args: readonly string[], options: Partial<RunOptions> = {}): Promise<Ran> {
  mkdirSync(store, { recursive: true });
  const settings = Object.entries(process.env).filter(([name]) => /^(HOME$|PIP_|UV_)/.test(name));
  return cambium(args, { store, ...options, env: { ...Object.fromEntries(settings), ...options.env } });
}

/** As `run`, for what must work: gives stdout. */
export async function done(args: readonly string[], options: Partial<RunOptions> = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(args, options);
  if (exitCode !== 0)
    throw new Error(`cambium ${args.join(" ")}: exit code ${exitCode}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Runs a tool that must work; gives stdout. */
export async function tool(command: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 1 << 28, encoding: "utf8" });
  return stdout;
}

/** As `cambium validate --json` prints it. */
export type Validation = {
  readonly checked: { readonly manifests: number; readonly layers: number; readonly entries: number };
  readonly problems: readonly unknown[];
};

/** Everything recomputed. */
export async function validated(source: string): Promise<Validation> {
  const { stdout, stderr } = await run(["validate", source, "--json"]);
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Validation;
}
