/**
 * `npm run bench [NAME…]`: runs the benches, keeps their numbers and writes docs/benchmarks.md and its chart. A name stands
 * for the bench and for all whose names go on from it: `registry-h` for the rows of set H. `--report` only writes.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/paths.ts";
import { runProcess } from "../scripts/process.ts";
import { findCommand } from "../scripts/tools.ts";
import { messageOf } from "../src/errors.ts";
import { bench as addOne } from "./add-one.ts";
import { benches as caches } from "./caches.ts";
import { bench as cold } from "./cold.ts";
import { benches as dockerfile } from "./dockerfile.ts";
import { machineLine } from "./harness.ts";
import { bench as heavy } from "./heavy.ts";
import { bench as memory } from "./memory.ts";
import { bringNeeded } from "./needs.ts";
import { bench as noOp } from "./no-op.ts";
import { pipVersion, python } from "./python.ts";
import { bench as referenceOnly } from "./reference-only.ts";
import { benches as registry } from "./registry.ts";
import { storeResult, writeReport } from "./report.ts";
import type { Bench } from "./result.ts";
import { bench as timeline } from "./timeline.ts";
import { bench as transcode } from "./transcode.ts";

const benches: readonly Bench[] = [
  transcode,
  cold,
  noOp,
  addOne,
  memory,
  heavy,
  ...dockerfile,
  ...caches,
  referenceOnly,
  timeline,
  ...registry,
];
const tools = ["uv", "runc", "docker-registry", "skopeo", "umoci"];
const order = benches.map(({ name }) => name);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const isReportOnly = args.includes("--report");
  const names = args.filter((arg) => arg !== "--report");
  const unknown = names.find((name) => !order.some((known) => isNamed(known, name)));
  if (unknown !== undefined) {
    console.error(`no such bench: ${unknown}; there are ${order.join(", ")}`);
    return 2;
  }
  if (!isReportOnly) {
    const wanted = benches.filter(
      (bench) => names.length === 0 || names.some((name) => isNamed(bench.name, name)),
    );
    const problem =
      (await bringNeeded(wanted, (line) => console.error(line))) ??
      (await pythonProblem()) ??
      (await buildBundle());
    if (problem !== undefined) {
      console.error(problem);
      return 3;
    }
    const versions = await versionsHere();
    for (const bench of wanted) {
      console.error(bench.name);
      storeResult({ ...(await bench.run()), machine: machineLine(), versions });
    }
  }
  writeReport(order);
  return 0;
}

async function pythonProblem(): Promise<string | undefined> {
  try {
    await python();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The benches time the bundle, as it is; a fresh clone has none. @returns one line when there is none then. */
async function buildBundle(): Promise<string | undefined> {
  if (existsSync(join(root, "dist", "cli.js"))) return undefined;
  console.error("building dist/, which the benches time");
  const { exitCode } = await runProcess(process.execPath, ["scripts/build.ts"], { cwd: root, show: true });
  return exitCode === 0 ? undefined : `npm run build failed with exit code ${exitCode}`;
}

function isNamed(bench: string, name: string): boolean {
  return bench === name || bench.startsWith(`${name}-`);
}

async function versionsHere(): Promise<string[]> {
  const first = async (command: string, ...args: string[]) =>
    (await runProcess(command, args)).stdout.split("\n")[0] ?? "";
  return [
    `Python ${(await python()).version}`,
    `pip ${pipVersion}`,
    await first("gzip", "--version"),
    await first("tar", "--version"),
    (await first("unzip", "-v")).replace(/ of .*/, ""),
    ...(await Promise.all(tools.map(versionOf))).flatMap((version) => version ?? []),
  ];
}

/** `runc 1.1.5`; nothing for what is not here, since only some benches need it. BuildKit's own build names no version. */
async function versionOf(tool: string): Promise<string | undefined> {
  const path = findCommand(tool);
  if (path === undefined) return undefined;
  const { stdout } = await runProcess(path, ["--version"]);
  return `${tool} ${/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? "of an unknown version"}`;
}
