/**
 * `npm run picture`: builds `examples/forecast` for real in a terminal, once into an empty store and once with one
 * requirement more, and writes what the terminal showed to `docs/images/demo.svg`.
 */
import { spawn } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "./paths.ts";
import { screenOf, type TextRun } from "./picture/screen.ts";
import { svgOf } from "./picture/svg.ts";

const columns = 96;
const picture = join(root, "docs", "images", "demo.svg");
const folder = mkdtempSync(join(tmpdir(), "cambium-picture-"));

try {
  const project = join(folder, "forecast");
  cpSync(join(root, "examples", "forecast"), project, { recursive: true });
  const first = await shown("cambium build -t forecast", project);
  appendFileSync(join(project, "requirements.txt"), "six\n");
  const second = await shown("echo six >> requirements.txt; cambium build -t forecast", project);
  mkdirSync(dirname(picture), { recursive: true });
  writeFileSync(
    picture,
    svgOf([...first, [], ...second], columns, "cambium build, then again with one requirement more"),
  );
  console.log(`wrote ${picture}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The prompt with `typed`, and what the build in `project` leaves on the screen. */
async function shown(typed: string, project: string): Promise<TextRun[][]> {
  const lines = screenOf(await recorded(project), columns);
  while (lines.at(-1)?.length === 0) lines.pop();
  const prompt: TextRun[] = [
    { text: "$ ", style: { color: "cyan", isBold: false, isDim: false } },
    { text: typed, style: { isBold: true, isDim: false } },
  ];
  return [prompt, ...lines];
}

/** The bytes that a build writes to a terminal: util-linux's `script` gives it one. */
function recorded(project: string): Promise<string> {
  const command = `stty cols ${columns} rows 40; exec '${join(root, "bin", "cambium")}' build -t forecast`;
  const env = { ...process.env, CAMBIUM_ROOT: join(folder, "store"), TERM: "xterm-256color" };
  // Set in CI and by pipelines, both would turn the live display or its colours off.
  for (const name of ["CI", "NO_COLOR"]) Reflect.deleteProperty(env, name);
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: project,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`cambium build ended with ${code}:\n${output}`));
    });
  });
}
