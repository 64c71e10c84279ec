import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";

const cambium = join(root, "bin", "cambium");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cambium-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Ran = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a command with an environment of its own; paths of this machine are replaced in what it printed. */
function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: object } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? folder,
      env: { PATH: "/usr/bin:/bin", HOME: folder, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (part: string) => {
        text[name] += part;
      });
    }
    child.on("error", reject);
    child.on("close", (exitCode) =>
      resolve({ exitCode, stdout: shown(text.stdout), stderr: shown(text.stderr) }),
    );
  });
}

function shown(text: string): string {
  return text.replaceAll(folder, "[FOLDER]").replaceAll(root, "[ROOT]");
}

test("the checkout's command works through links, from any folder, without node on PATH", async () => {
  symlinkSync(cambium, join(folder, "first"));
  mkdirSync(join(folder, "bin"));
  symlinkSync("../first", join(folder, "bin", "second"));
  for (const command of [cambium, join(folder, "first"), join(folder, "bin", "second")]) {
    expect(await run(command, ["--version"], { cwd: "/" })).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: "",
    });
  }
});

test("a checkout without node_modules says what to run", async () => {
  mkdirSync(join(folder, "checkout", "bin"), { recursive: true });
  const copy = join(folder, "checkout", "bin", "cambium");
  copyFileSync(cambium, copy);
  expect(await run(copy, ["--version"])).toEqual({
    exitCode: 3,
    stdout: "",
    stderr:
      "error[NOT_INSTALLED]: [FOLDER]/checkout/node_modules has no Node\nhint: Run npm ci in [FOLDER]/checkout.\n",
  });
});

test("a mistake on the command line: exit code, stdout, stderr", async () => {
  expect(await run(cambium, ["build", "--platfrom", "linux/amd64"])).toMatchInlineSnapshot(`
    {
      "exitCode": 2,
      "stderr": "error[USAGE]: unknown option '--platfrom'
    hint: Did you mean --platform? See cambium build --help.
    ",
      "stdout": "",
    }
  `);
});

test("help creates no store", async () => {
  const store = join(folder, "store");
  expect((await run(cambium, ["build", "--help"], { env: { CAMBIUM_ROOT: store } })).exitCode).toBe(0);
  expect(existsSync(store)).toBe(false);
});

test("a reader that goes away is no error", async () => {
  const script = `set -o pipefail; for i in 1 2 3; do "${cambium}" --help | head -n 1 || exit 9; done`;
  expect(await run("bash", ["-c", script])).toEqual({
    exitCode: 0,
    stdout: "Usage: cambium [options] [command]\n".repeat(3),
    stderr: "",
  });
});
