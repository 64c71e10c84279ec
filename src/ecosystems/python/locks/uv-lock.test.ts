import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { expectSameAsExport } from "../../../../tests/support/export-oracle.ts";
import { readUvLock, type UvLockOptions } from "./uv-lock.ts";

function fixture(path: string): string {
  return readFileSync(new URL(`fixtures/${path}`, import.meta.url), "utf8");
}

function readFixture(folder: string, options: Partial<UvLockOptions> = {}) {
  const pyproject = fixture(`${folder}/pyproject.toml`);
  return readUvLock(fixture(`${folder}/uv.lock`), "uv.lock", {
    extras: [],
    groups: [],
    pyproject,
    ...options,
  });
}

test.each([
  ["uv", "export.txt", [], []],
  ["uv", "export-fast-lint.txt", ["fast"], ["lint"]],
  ["uv-conflicts", "export.txt", [], []],
  ["uv-conflicts", "export-one-new.txt", ["one"], ["new"]],
])("%s installs what uv itself says in %s", (folder, exported, extras, groups) => {
  expectSameAsExport(readFixture(folder, { extras, groups }), fixture(`${folder}/${exported}`));
});

test("a script's lock needs no project", () => {
  const lock = readUvLock(fixture("uv-script/app.py.lock"), "app.py.lock", { extras: [], groups: [] });
  expectSameAsExport(lock, fixture("uv-script/export.txt"));
});

test("archives have URL, digest and index", () => {
  const lock = readFixture("uv");
  expect(lock.requiresPython).toBe(">=3.11");
  expect(lock.distributions.find(({ name }) => name === "idna")).toMatchObject({
    version: "3.4",
    marker: "python_full_version < '3.12'",
    index: "https://index.example/simple",
    sdist: { filename: "idna-3.4.tar.gz" },
    wheels: [
      {
        filename: "idna-3.4-py3-none-any.whl",
        url: expect.stringMatching(/^https:\/\/files\.example\/.*idna-3\.4-py3-none-any\.whl$/),
        sha256: "sha256:90b77e79eaa3eba6de819a0c442c0b4ceefc341a7a2ab77d7562bf49f425c5c2",
      },
    ],
  });
});

test("a wheel from a URL and a local project are what they are", () => {
  const { distributions } = readFixture("uv-conflicts");
  expect(distributions.find(({ name }) => name === "iniconfig")).toMatchObject({
    directUrl: { url: expect.stringContaining("https://files.example/"), archive_info: {} },
  });
  expect(distributions.find(({ name }) => name === "lib-a")).toMatchObject({
    needsBuild: "directory lib_a",
    wheels: [],
  });
});

test.each([
  ["uv", { extras: ["slow"] }, 'uv.lock: no extra "slow"; it has: color, fast'],
  ["uv", { groups: ["docs"] }, 'uv.lock: no group "docs"; it has: dev, lint'],
])("an unknown name in %s is refused with the known ones", (folder, options, message) => {
  expect(() => readFixture(folder, options)).toThrow(
    expect.objectContaining({ code: "LOCK_SELECTION", message }),
  );
});

test.each([
  [
    '"click",',
    '"click>=8", "six",',
    "pyproject.toml asks for click>=8; pyproject.toml asks for six; the lock was made with click",
  ],
  ['"pyflakes>=3"', '"pyflakes>=4"', "pyflakes>=4 (group dev)"],
  ['"rich>=13"', "\"rich>=13 ; python_version < '3.12'\"", "rich>=13 (extra color)"],
  ['"HTTPX[http2,socks] >=0.27"', '"httpx[http2]>=0.27"', "httpx[http2]>=0.27"],
  [">=3.11", ">=3.12", "requires Python >=3.12; the lock was made with >=3.11"],
  ['name = "demo-app"', 'name = "other"', "the project other is not in it"],
  ['"click",', "", "the lock was made with click"],
  ['{include-group = "lint"}', '"pyflakes"', "pyflakes (group dev)"],
])("a lock is stale when %s becomes %s", (before, after, message) => {
  const pyproject = fixture("uv/pyproject.toml").replace(before, after);
  expect(() => readFixture("uv", { pyproject })).toThrow(
    expect.objectContaining({
      code: "LOCK_STALE",
      message: expect.stringContaining(message),
      hint: expect.stringContaining("uv lock"),
    }),
  );
});

test.each([
  ['constraint-dependencies = ["certifi<2027"]', "", "certifi<2027 (constraint)"],
  ['lib-a = { path = "lib_a", editable = true }', "", "asks for lib-a"],
  ["iniconfig-2.3.1-py3-none-any.whl", "iniconfig-2.3.0-py3-none-any.whl", "iniconfig-2.3.0"],
])("a source or constraint that changes makes a lock stale: %s", (before, after, message) => {
  const pyproject = fixture("uv-conflicts/pyproject.toml").replace(before, after);
  expect(() => readFixture("uv-conflicts", { pyproject })).toThrow(
    expect.objectContaining({ code: "LOCK_STALE", message: expect.stringContaining(message) }),
  );
});

test.each([
  ['"anyio>=4,<5"', '"Anyio <5, >=4"'],
  ["python_version < '3.12'", "python_full_version < '3.12.0'"],
  ['"click"', "\"click ; python_version >= '3.7'\""],
  ['"click",', '"click", "colorama ; sys_platform == \'win32\'",'],
  [">=3.11", ">= 3.11"],
  ["[dependency-groups]", "[project.urls]\nhome = 'https://host.example'\n[dependency-groups]"],
])("a lock stays fresh when %s is written %s", (before, after) => {
  const pyproject = fixture("uv/pyproject.toml").replace(before, after);
  expect(() => readFixture("uv", { pyproject })).not.toThrow();
});

const HEAD = 'version = 1\nrevision = 9\nrequires-python = ">=3.11"\n';
const ROOT = '\n[[package]]\nname = "app"\nversion = "1"\nsource = { virtual = "." }\n';

test("packages that need each other are found once", () => {
  const loop = (name: string, other: string) =>
    `\n[[package]]\nname = "${name}"\nversion = "1"\nsource = { registry = "https://index.example" }\ndependencies = [{ name = "${other}" }]\n`;
  const text = `${HEAD}${ROOT}dependencies = [{ name = "a", marker = "python_version < '3.13'" }]\n${loop("a", "b")}${loop("b", "a")}`;
  const { distributions } = readUvLock(text, "uv.lock", { extras: [], groups: [] });
  expect(distributions.map(({ name, marker }) => [name, marker])).toEqual([
    ["a", "python_full_version < '3.13'"],
    ["b", "python_full_version < '3.13'"],
  ]);
});

test.each([
  ["version = 2", "LOCK_VERSION", "version 2"],
  ["", "LOCK_VERSION", "version missing"],
  [HEAD, "LOCK_STALE", "members: none"],
  [`${HEAD}package = 3`, "LOCK_FIELD", "uv.lock:4: package: "],
  [`${HEAD}${ROOT}dependencies = [{ name = "six" }]`, "LOCK_FIELD", "no entry for the dependency six"],
  [`${HEAD}${ROOT}dependencies = [{ name = "six", marker = "oops" }]`, "MARKER_SYNTAX", "oops"],
  [`${HEAD}\n[[package]]\nname = 3`, "LOCK_FIELD", "uv.lock:5: package[0].name: "],
  [
    `${HEAD}${ROOT}dependencies = [{ name = "a" }]\n[[package]]\nname = "a"\nversion = "1"\nsource = { registry = "https://index.example" }\nwheels = [{ url = "https://files.example/a.whl" }]`,
    "LOCK_FIELD",
    "uv.lock:10: package[1].wheels[0]: a.whl: no sha256",
  ],
])("what is wrong is named with its place: %#", (text, code, message) => {
  expect(() => readUvLock(text, "uv.lock", { extras: [], groups: [] })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});
