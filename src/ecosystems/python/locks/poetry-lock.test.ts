import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { expectSameAsExport } from "../../../../tests/support/export-oracle.ts";
import { formatSpecifier } from "../standards/specifier.ts";
import { parsePoetryConstraint, pythonMarker } from "./poetry-constraint.ts";
import { pythonJson } from "./poetry-hash.ts";
import { readPoetryLock } from "./poetry-lock.ts";
import type { PoetryLockOptions } from "./poetry-schema.ts";

function fixture(path: string): string {
  return readFileSync(new URL(`fixtures/${path}`, import.meta.url), "utf8");
}

function readFixture(folder: string, options: Partial<PoetryLockOptions> = {}) {
  const pyproject = fixture(`${folder}/pyproject.toml`);
  return readPoetryLock(fixture(`${folder}/poetry.lock`), "poetry.lock", {
    extras: [],
    groups: [],
    pyproject,
    ...options,
  });
}

test.each([
  ["poetry-1.1", "poetry-2/export.txt", [], []],
  ["poetry-1.1", "poetry-2/export-color-dev-docs.txt", ["color"], ["dev"]],
  ["poetry-1.8", "poetry-2/export.txt", [], []],
  ["poetry-1.8", "poetry-2/export-color-dev-docs.txt", ["color"], ["dev", "docs"]],
  ["poetry-2", "poetry-2/export.txt", [], []],
  ["poetry-2", "poetry-2/export-color-dev-docs.txt", ["color"], ["dev", "docs"]],
  ["poetry-2-project", "poetry-2-project/export.txt", [], []],
  ["poetry-2-project", "poetry-2-project/export-fast-lint.txt", ["fast"], ["lint"]],
])("%s installs what Poetry itself says in %s", (folder, exported, extras, groups) => {
  expectSameAsExport(readFixture(folder, { extras, groups }), fixture(exported));
});

test.each(["poetry-1.1", "poetry-1.8", "poetry-2"])(
  "%s has names and digests, no URL, and its source's index",
  (folder) => {
    const lock = readFixture(folder);
    expect(lock.requiresPython).toBe("<4,>=3.11");
    expect(lock.distributions.find(({ version }) => version === "3.6")).toEqual({
      name: "idna",
      version: "3.6",
      marker: "python_full_version >= '3.12'",
      index: "https://index.example/simple",
      wheels: [
        {
          filename: "idna-3.6-py3-none-any.whl",
          sha256: "sha256:c05567e9c24a6b9faaa835c4821bad0590fbb9d5779e7caa6e1cc4978e7eb24f",
        },
      ],
      sdist: {
        filename: "idna-3.6.tar.gz",
        sha256: "sha256:9ecdbbd083b06798ae1e86adcbfe8ab1479cf864e4ee30fe4e46a003d12491ca",
      },
    });
  },
);

test("without a source there is no index", () => {
  expect(readFixture("poetry-2-project").distributions.every(({ index }) => index === undefined)).toBe(true);
});

test.each([
  ["poetry-1.1", 'anyio = "^4"', 'anyio = "^4.1"'],
  ["poetry-1.8", 'iniconfig = "^2"', 'iniconfig = "^1"'],
  ["poetry-1.8", 'url = "https://index.example', 'url = "https://mirror.example'],
  ["poetry-2", 'click = "*"', ""],
  ["poetry-2-project", "rich>=13", "rich>=12"],
  ["poetry-2-project", "pyflakes>=3", "pyflakes>=4"],
])("%s is stale when %s becomes %s", (folder, before, after) => {
  const pyproject = fixture(`${folder}/pyproject.toml`).replace(before, after);
  expect(() => readFixture(folder, { pyproject })).toThrow(
    expect.objectContaining({ code: "LOCK_STALE", hint: expect.stringContaining("poetry lock") }),
  );
});

test.each(["poetry-1.1", "poetry-1.8", "poetry-2", "poetry-2-project"])(
  "%s stays fresh when a comment is added",
  (folder) => {
    const pyproject = `# hello\n${fixture(`${folder}/pyproject.toml`)}\n[tool.other]\nx = 1\n`;
    expect(() => readFixture(folder, { pyproject })).not.toThrow();
  },
);

test.each([
  ["poetry-1.8", { extras: ["fast"] }, "LOCK_SELECTION", 'no extra "fast"; it has: color'],
  ["poetry-1.8", { groups: ["lint"] }, "LOCK_SELECTION", 'no group "lint"; it has: dev, docs, main'],
  ["poetry-2", { groups: ["lint"] }, "LOCK_SELECTION", 'no group "lint"; it has: dev, docs, main'],
])("%s with %j is refused", (folder, options, code, message) => {
  expect(() => readFixture(folder, options)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

test("an older lock cannot be read without its project", () => {
  const text = fixture("poetry-1.8/poetry.lock");
  expect(() => readPoetryLock(text, "poetry.lock", { extras: [], groups: [] })).toThrow(
    expect.objectContaining({ code: "LOCK_PROJECT", hint: expect.stringContaining("pyproject.toml") }),
  );
  expect(
    readPoetryLock(fixture("poetry-2/poetry.lock"), "poetry.lock", { extras: [], groups: [] }).distributions,
  ).toHaveLength(13);
});

const LOCK = '[metadata]\nlock-version = "2.1"\npython-versions = "*"\n';

function packageText(body: string): string {
  return `[[package]]\nname = "a"\nversion = "1"\ngroups = ["main"]\n${body}\n${LOCK}`;
}

test("sources that are no index are what they are", () => {
  const read = (body: string) =>
    readPoetryLock(packageText(body), "poetry.lock", { extras: [], groups: [], directory: "/app" })
      .distributions[0];
  const files = `files = [{ file = "a-1-py3-none-any.whl", hash = "sha256:${"ab".repeat(32)}" }]`;
  expect(
    read(
      'files = []\n[package.source]\ntype = "git"\nurl = "https://u:p@git.example/a"\nreference = "main"\nresolved_reference = "12"',
    ),
  ).toMatchObject({
    needsBuild: "git+https://***@git.example/a@12",
  });
  expect(read('files = []\n[package.source]\ntype = "directory"\nurl = "../lib"')).toMatchObject({
    needsBuild: "directory ../lib",
  });
  expect(
    read(`${files}\n[package.source]\ntype = "url"\nurl = "https://u:p@files.example/a-1-py3-none-any.whl"`),
  ).toMatchObject({
    wheels: [{ url: "https://files.example/a-1-py3-none-any.whl" }],
    directUrl: { url: "https://files.example/a-1-py3-none-any.whl" },
  });
  expect(
    read(`${files}\n[package.source]\ntype = "file"\nurl = "wheels/a-1-py3-none-any.whl"`),
  ).toMatchObject({
    wheels: [{ path: "/app/wheels/a-1-py3-none-any.whl" }],
  });
});

test.each([
  ["", "LOCK_FIELD", "metadata"],
  ['[metadata]\nlock-version = "3.0"', "LOCK_VERSION", '"3.0"'],
  ["[metadata]\n", "LOCK_VERSION", "missing"],
  [packageText('files = [{ file = "../x.whl", hash = "sha256:1" }]'), "LOCK_FIELD", "not a file name"],
  [
    packageText('files = [{ file = "a.whl", hash = "md5:1" }]'),
    "LOCK_FIELD",
    "poetry.lock:1: package[0].files[0]: a.whl: no sha256",
  ],
  [packageText('markers = "os_name"'), "MARKER_SYNTAX", "poetry.lock:1: column 8"],
  [packageText("groups = 3"), "LOCK_SYNTAX", "poetry.lock:5"],
])("what is wrong is named with its place: %#", (text, code, message) => {
  expect(() => readPoetryLock(text, "poetry.lock", { extras: [], groups: [] })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

test.each([
  ["^1.2.3", [">=1.2.3,<2"]],
  ["^0.2.3", [">=0.2.3,<0.3"]],
  ["^0.0.3", [">=0.0.3,<0.0.4"]],
  ["^0.0", [">=0.0,<0.1"]],
  ["^0", [">=0,<1"]],
  ["~1.2.3", [">=1.2.3,<1.3"]],
  ["~1.2", [">=1.2,<1.3"]],
  ["~1", [">=1,<2"]],
  ["~=1.2", ["~=1.2"]],
  ["*", [""]],
  ["1.*", ["==1.*"]],
  ["1.2", ["==1.2"]],
  [">= 1.2, < 2 || ^3", [">=1.2,<2", ">=3,<4"]],
  [">=1.2 !=1.3", [">=1.2,!=1.3"]],
])("the constraint %s means %j", (constraint, expected) => {
  const sorted = expected.map((text) => text.split(",").sort().join(","));
  expect(parsePoetryConstraint(constraint, "test").map(formatSpecifier)).toEqual(sorted);
});

test("a constraint on Python becomes a marker", () => {
  expect(pythonMarker("~3.9 || ^3.12", "test")).toBe(
    "python_full_version < '3.10' and python_full_version >= '3.9' or python_full_version < '4' and python_full_version >= '3.12'",
  );
  expect(pythonMarker("*", "test")).toBeUndefined();
});

test("JSON is written as Python writes it", () => {
  const value = { b: [1n, 2.5, 3, true, null], a: 'é"\u007f\u{1f600}', A: {} };
  // python3: json.dumps({"b": [1, 2.5, 3.0, True, None], "a": 'é"\x7f😀', "A": {}}, sort_keys=True)
  expect(pythonJson(value)).toBe(
    '{"A": {}, "a": "\\u00e9\\"\\u007f\\ud83d\\ude00", "b": [1, 2.5, 3.0, true, null]}',
  );
});
