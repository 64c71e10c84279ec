import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProcess } from "../scripts/process.ts";
import { toolOf } from "../tests/support/needs.ts";
import { type Measurement, measureCommands } from "./harness.ts";

const ROUNDS = 3;

type Bundle = {
  readonly process: { terminal?: boolean; args: string[]; env: string[] };
};

/**
 * Times `python -c PROGRAM` in an image of a registry on loopback, from the start of runc to its end. umoci unpacks it
 * into `folder`, untimed, whoever made the image. No bytecode is kept, so each import is a first one, with what the image has.
 * @throws Error when a tool fails or the program cannot import.
 */
export async function measureImport(
  name: string,
  reference: string,
  program: string,
  folder: string,
): Promise<Measurement> {
  const [layout, bundle] = [join(folder, "layout"), join(folder, "bundle")];
  await tool("skopeo", [
    "copy",
    "--quiet",
    "--src-tls-verify=false",
    `docker://${reference}`,
    `oci:${layout}:1`,
  ]);
  await tool("umoci", ["unpack", "--image", `${layout}:1`, bundle]);
  rmSync(layout, { recursive: true });
  const path = join(bundle, "config.json");
  const { process: given, ...rest } = JSON.parse(readFileSync(path, "utf8")) as Bundle;
  const changed = {
    ...given,
    terminal: false,
    args: ["python", "-c", program],
    env: [...given.env, "PYTHONDONTWRITEBYTECODE=1"],
  };
  writeFileSync(path, JSON.stringify({ ...rest, process: changed }));
  const container = `cambium-bench-${process.pid}`;
  const run = () => tool("runc", ["run", "--bundle", bundle, container]);
  try {
    const [measurement] = await measureCommands([{ name, run }], { rounds: ROUNDS, warmsUp: false });
    return measurement!;
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

async function tool(name: string, args: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await runProcess(toolOf(name), args);
  if (exitCode !== 0) throw new Error(`${name} ${args.join(" ")}: exit code ${exitCode}\n${stdout}${stderr}`);
}
