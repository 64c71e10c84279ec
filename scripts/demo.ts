/**
 * `npm run demo`: what a change costs. Builds `examples/forecast` from real packages into an empty store, runs it, then
 * changes one thing at a time, and prints a table of time, bytes downloaded and layers reused.
 */
import { spawn } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { formatBytes, formatDuration } from "../src/report/format.ts";
import type { Summary } from "../src/report/summary.ts";
import { root } from "./paths.ts";
import { table } from "./table.ts";

type Step = { readonly name: string; readonly change?: () => void; readonly command: "build" | "run" };
type Ran = {
  /** What came on stderr and was no document: from the program inside, or from before cambium ran. */
  readonly other: string;
  readonly exitCode: number;
  readonly elapsedMs: number;
  readonly stdout: string;
  readonly events: readonly Event[];
};
/** One line of `--progress json`; only the members that are read here. */
type Event = {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
};

const folder = mkdtempSync(join(tmpdir(), "cambium-demo-"));
const project = join(folder, "forecast");
cpSync(join(root, "examples", "forecast"), project, { recursive: true });

const steps: readonly Step[] = [
  { name: "build, nothing in the store", command: "build" },
  { name: "run it", command: "run" },
  { name: "build again, nothing changed", command: "build" },
  {
    name: "one requirement more (six)",
    change: () => appendFileSync(join(project, "requirements.txt"), "six\n"),
    command: "build",
  },
  {
    name: "other base, same Python (apt: libgomp1)",
    change: () => edit("cambium.yaml", (text) => text.replace("apt: []", "apt: [libgomp1]")),
    command: "build",
  },
  {
    name: "other Python (trixie, 3.13)",
    change: () => edit("cambium.yaml", (text) => text.replace("debian: bookworm", "debian: trixie")),
    command: "build",
  },
];

try {
  process.exitCode = await demo();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function demo(): Promise<number> {
  const rows: string[][] = [];
  for (const step of steps) {
    step.change?.();
    process.stdout.write(`${step.name} … `);
    const ran = await cambium(step.command, "--progress", "json", project);
    const error = ran.events.find((event) => event.type === "error");
    // Without runc or crun everything else still shows.
    if (step.command === "run" && ran.exitCode === 3) {
      console.log(`not possible here: ${error?.message ?? ""}\n  ${error?.hint ?? ""}`);
      continue;
    }
    if (ran.exitCode !== 0) {
      const text =
        error === undefined
          ? ran.other
          : `error[${error.code}]: ${error.message}\nhint: ${error.hint ?? "none"}`;
      console.log(`failed with exit code ${ran.exitCode}\n${text}`);
      return 1;
    }
    console.log(formatDuration(ran.elapsedMs));
    if (step.command === "run") process.stdout.write(ran.stdout.replace(/^(?=.)/gm, "    "));
    rows.push([step.name, formatDuration(ran.elapsedMs), ...columns(ran.events)]);
  }
  console.log(`\n${table(["step", "time", "downloaded", "layers reused", "layers new"], rows)}`);
  return 0;
}

function columns(events: readonly Event[]): string[] {
  const last = events.at(-1);
  if (last === undefined || !isSummary(last)) return ["", "", ""];
  const { layers, downloads } = last;
  const fresh = layers.new === 0 ? "0" : `${layers.new} (${formatBytes(layers.newBytes)})`;
  return [formatBytes(downloads.bytes), String(layers.reused), fresh];
}

function isSummary(event: Event): event is Event & Summary {
  return (
    event.type === "summary" && "images" in event && Array.isArray(event.images) && event.images.length > 0
  );
}

function edit(name: string, change: (text: string) => string): void {
  const file = join(project, name);
  writeFileSync(file, change(readFileSync(file, "utf8")));
}

/** Runs the checkout's command with a store of its own; the time is that of the whole process. */
function cambium(...args: string[]): Promise<Ran> {
  const startedMs = performance.now();
  const env = { ...process.env, CAMBIUM_ROOT: join(folder, "store") };
  const child = spawn(join(root, "bin", "cambium"), args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const events: Event[] = [];
  const other: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    // What the process inside writes to stderr comes between the documents.
    if (line.startsWith("{")) events.push(JSON.parse(line) as Event);
    else other.push(line);
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const elapsedMs = performance.now() - startedMs;
      resolve({ exitCode: code ?? 1, elapsedMs, stdout, events, other: other.join("\n") });
    });
  });
}
