/**
 * `npm run check`: everything that must hold before a change is in. Tools first, then lint, types, dead code,
 * generated files, and all tests. `--soak` adds the long runs. Every stage runs, also after one has failed.
 * `--only=lint,types` runs just these. The last line counts tests and stages: `N passed, N failed`, and `, N skipped` if there are any.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";
import { root, toolPath } from "./paths.ts";
import { runProcess } from "./process.ts";
import { bringTools } from "./tools.ts";

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };
type Stage = { readonly name: string; readonly run: () => Promise<Counts> };

const resultFolder = join(root, ".cache", "check");
/** In bytes: three times what tests had there at most (3.2 GB, looked at every 5 s); and what must be left for their processes. */
const MEMORY_BYTES = { mounted: 10 * 2 ** 30, left: 4 * 2 ** 30 };
const isCi = Boolean(process.env.CI);
// Vitest colours its output even into a pipe.
const color = process.stdout.isTTY ? {} : { NO_COLOR: "1" };
const env = {
  ...process.env,
  ...color,
  PATH: toolPath(process.env.PATH),
  // Thousands of commands run: each starts 0.1 s sooner.
  CAMBIUM_TEST_BUNDLE: "1",
};

const stages: readonly Stage[] = [
  { name: "tools", run: checkTools },
  { name: "lint", run: () => command("biome", ["check", "--error-on-warnings"]) },
  { name: "types", run: () => command("tsc", ["-p", "."]) },
  { name: "dead code", run: () => command("knip", []) },
  { name: "generated files", run: () => command("node", ["scripts/generate.ts", "--check"]) },
  { name: "bundle", run: () => command("node", ["scripts/build.ts"]) },
  { name: "unit tests", run: () => tests("unit") },
  { name: "system tests", run: () => inMemory((memory) => tests("system", memory)) },
  ...(process.argv.includes("--soak") ? [{ name: "soak tests", run: () => tests("soak") }] : []),
];

/** In CI a missing tool fails; elsewhere the tests that need it are skipped, and counted so. */
async function checkTools(): Promise<Counts> {
  const reports = await bringTools((line) => console.log(`  ${line}`));
  for (const { name, state, note } of reports) {
    if (state !== "present") console.log(`  ${name}: ${state}${note === undefined ? "" : ` (${note})`}`);
  }
  const missing = reports.filter((report) => report.state === "missing").length;
  return { passed: reports.length - missing, failed: isCi ? missing : 0, skipped: isCi ? 0 : missing };
}

async function command(name: string, args: readonly string[]): Promise<Counts> {
  const { exitCode } = await runProcess(name, args, { cwd: root, env, show: true });
  return exitCode === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

/**
 * Mounts memory for tests that ask for it, where that is possible: as root, with enough of it. Else they write to the disk,
 * and take longer.
 */
async function inMemory<T>(work: (memory: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
  const path = join(resultFolder, "memory");
  mkdirSync(path, { recursive: true });
  // Of a run that was killed.
  await runProcess("umount", ["--lazy", path]);
  const isEnough = freemem() > MEMORY_BYTES.mounted + MEMORY_BYTES.left;
  const options = ["-t", "tmpfs", "-o", `size=${MEMORY_BYTES.mounted},mode=1777`, "tmpfs", path];
  const { exitCode, stderr } = isEnough
    ? await runProcess("mount", options)
    : {
        exitCode: 1,
        stderr: `less than ${(MEMORY_BYTES.mounted + MEMORY_BYTES.left) / 2 ** 30} GiB are free`,
      };
  if (exitCode !== 0) {
    console.log(`  all tests write to the disk, no memory was mounted: ${stderr.trim()}`);
    return work({});
  }
  try {
    return await work({ CAMBIUM_TEST_MEMORY: path });
  } finally {
    await runProcess("umount", ["--lazy", path]);
  }
}

async function tests(project: string, settings: Readonly<Record<string, string>> = {}): Promise<Counts> {
  const file = join(resultFolder, `${project}.json`);
  rmSync(file, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { exitCode } = await runProcess("vitest", ["run", "--project", project, ...reporters], {
    cwd: root,
    env: { ...env, ...settings },
    show: true,
  });
  const counts = countTests(file);
  // A run that broke outside of any test, or that found none, must not look green.
  const isBroken = counts.failed === 0 && (exitCode !== 0 || counts.passed === 0);
  return isBroken ? { ...counts, failed: 1 } : counts;
}

/** What we read of vitest's JSON report. */
type TestFile = {
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string }[];
};

function countTests(file: string): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of readReport(file)) {
    // A file that does not load has no tests to fail.
    if (status === "failed" && !assertionResults.some((result) => result.status === "failed"))
      counts.failed++;
    for (const result of assertionResults) {
      if (result.status === "passed") counts.passed++;
      else if (result.status === "failed") counts.failed++;
      else counts.skipped++;
    }
  }
  return counts;
}

function readReport(file: string): readonly TestFile[] {
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as { readonly testResults: readonly TestFile[] };
    return report.testResults;
  } catch (error) {
    console.log(`  no test report: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

mkdirSync(resultFolder, { recursive: true });
const total = { passed: 0, failed: 0, skipped: 0 };
const lines: string[] = [];
for (const stage of stages.filter(isWanted)) {
  console.log(`\n== ${stage.name}`);
  const startedMs = Date.now();
  const counts = await stage.run();
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1).padStart(7);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  lines.push(
    `${counts.failed === 0 ? "ok    " : "FAILED"} ${stage.name.padEnd(16)} ${seconds} s  ${countsText(counts)}`,
  );
}
console.log(`\n${lines.join("\n")}\n\n${countsText(total)}`);
process.exitCode = total.failed === 0 ? 0 : 1;

function countsText({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

function isWanted(stage: Stage): boolean {
  const only = process.argv
    .find((word) => word.startsWith("--only="))
    ?.slice("--only=".length)
    .split(",");
  if (only === undefined || only.includes(stage.name)) return true;
  return stage.name === "bundle" && only.some((name) => /^(system|soak) tests$/.test(name));
}
