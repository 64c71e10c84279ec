import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../../../../tests/support/temporary-folder.ts";
import { assertPinned, findUv, UV_VERSION } from "./uv-tool.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(folder.at("bin"));
});
afterEach(() => {
  folder[Symbol.dispose]();
});

function program(name: string, text: string): void {
  writeFileSync(folder.at("bin", name), `#!/bin/sh\n${text}\n`);
  chmodSync(folder.at("bin", name), 0o755);
}

const find = (more: Partial<Parameters<typeof findUv>[0]> = {}) =>
  findUv({
    env: { PATH: folder.at("bin") },
    toolsDir: folder.at("tools"),
    exclusive: (_, work) => work(),
    ...more,
  });

test("a new enough uv on PATH is taken, without its configuration", async () => {
  program("uv", `[ "$UV_NO_CONFIG" = 1 ] && echo "uv 0.14.1 (abc 2026-01-01)"`);
  program("python3", "");
  expect(await find()).toEqual({ path: folder.at("bin", "uv"), version: "0.14.1" });
});

test.for<[string, string]>([
  ["an old one", "echo 'uv 0.8.99'"],
  ["a broken one", "exit 1"],
  ["another program", "echo hello"],
])("%s on PATH is passed over, and pip is asked", async ([_, text]) => {
  program("uv", text);
  program("python3", "");
  program("pip", "echo 'ERROR: no network: https://u:hidden@index.example/x' >&2; exit 1");
  const failed = find();
  await expect(failed).rejects.toMatchObject({ code: "UV_FETCH", exitCode: 3 });
  await expect(failed).rejects.toThrow(/ERROR: no network: https:\/\/\*\*\*\*@index/);
  expect(readdirSync(folder.at("tools"))).toEqual([]);
});

test("neither uv nor pip: the way out is named", async () => {
  await expect(find()).rejects.toMatchObject({
    code: "UV_MISSING",
    exitCode: 3,
    hint: expect.stringContaining("--locked"),
  });
});

test("uv without any interpreter asks for the fallback, and fails without one", async () => {
  program("uv", "echo 'uv 0.14.1'");
  await expect(find()).rejects.toMatchObject({ code: "PYTHON_MISSING", exitCode: 3 });
  expect(await find({ fallbackInterpreter: async () => "/fallback/python" })).toMatchObject({
    interpreter: "/fallback/python",
  });
});

test("other bytes than the released ones are never run", async () => {
  program("python3", "");
  // pip with the arguments: download SPEC ... --dest FOLDER
  program(
    "pip",
    `for last; do :; done; /bin/mkdir -p "$last"; echo evil > "$last/uv-${UV_VERSION}-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"; echo "$@" > ${folder.at("args")}`,
  );
  await expect(find()).rejects.toMatchObject({
    code: "DIGEST_INVALID",
    message: expect.stringContaining("got sha256:"),
  });
  expect(readFileSync(folder.at("args"), "utf8")).toContain(
    `download uv==${UV_VERSION} --no-deps --only-binary :all:`,
  );
  expect(existsSync(folder.at("tools", `uv-${UV_VERSION}`))).toBe(false);
});

test("a platform without a pin is refused by name", () => {
  expect(() => assertPinned(`uv-${UV_VERSION}-py3-none-plan9_mips.whl`, Buffer.from(""))).toThrow(
    /plan9_mips/,
  );
});
