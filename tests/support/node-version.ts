import { existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/paths.ts";
import { runProcess } from "../../scripts/process.ts";

/** Node of exactly this version, from the package that carries its binary; kept between runs. */
export async function nodeOf(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const cache = join(root, ".cache", "nodes");
  const folder = join(cache, version);
  const node = join(folder, "node_modules", name, "bin", "node");
  if (existsSync(node)) return node;
  mkdirSync(cache, { recursive: true });
  const temporary = mkdtempSync(join(cache, ".new-"));
  writeFileSync(join(temporary, "package.json"), "{}");
  const args = ["install", "--no-audit", "--no-fund", `${name}@${version}`];
  const { exitCode, stderr } = await runProcess("npm", args, { cwd: temporary });
  if (exitCode !== 0) throw new Error(`npm ${args.join(" ")}\n${stderr}`);
  renameSync(temporary, folder);
  return node;
}
