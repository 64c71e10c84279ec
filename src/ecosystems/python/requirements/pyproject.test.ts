import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../../tests/support/temporary-folder.ts";
import { formatRequirement } from "../standards/requirement.ts";
import { readScriptMetadata } from "./pep723.ts";
import { readPyproject } from "./pyproject.ts";
import type { Wanted } from "./wanted.ts";

const request = { where: "pyproject.toml", directory: "/project", extras: [], groups: [] };
const specifiers = ({ requirements }: Wanted) =>
  requirements.map(({ requirement }) => formatRequirement(requirement));

const project = `
[project]
name = "My.App"
version = "1"
requires-python = ">=3.11"
dependencies = ["numpy>=2", "rich ; sys_platform == 'linux'"]

[project.optional-dependencies]
web = ["flask"]
Big_Data = ["pandas"]
all = ["my-app[web,big-data]", "extra"]

[dependency-groups]
test = ["pytest", { include-group = "Lint" }]
lint = ["ruff"]
loop = [{ include-group = "loop2" }]
loop2 = [{ include-group = "loop" }]
`;

test("dependencies, extras and groups are what is asked for", () => {
  const plain = readPyproject({ ...request, text: project });
  expect(plain.name).toBe("my-app");
  expect(plain.wanted.requiresPython).toBe(">=3.11");
  expect(specifiers(plain.wanted)).toEqual(["numpy>=2", "rich ; sys_platform == 'linux'"]);
  expect(plain.wanted.requirements[0]!.where).toBe("pyproject.toml:6: project.dependencies");
  const more = readPyproject({ ...request, text: project, extras: ["big-data"], groups: ["test"] });
  expect(specifiers(more.wanted).slice(2)).toEqual(["pandas", "pytest", "ruff"]);
});

test("an extra that names the project's own extras brings their content, each once", () => {
  const { wanted } = readPyproject({ ...request, text: project, extras: ["all", "web"] });
  expect(specifiers(wanted).slice(2)).toEqual(["extra", "flask", "pandas"]);
});

test("setuptools' dependencies in files are read, without running anything", () => {
  using folder = temporaryFolder();
  writeFileSync(folder.at("requirements.txt"), "# list\nnumpy>=2\n\nrich  # why\n");
  writeFileSync(folder.at("web.txt"), "flask\n");
  const text = `
[project]
name = "x"
dynamic = ["dependencies", "optional-dependencies"]
[tool.setuptools.dynamic]
dependencies = { file = ["requirements.txt"] }
optional-dependencies.web = { file = "web.txt" }
`;
  const { wanted, files } = readPyproject({ ...request, directory: folder.path, text, extras: ["web"] });
  expect(specifiers(wanted)).toEqual(["numpy>=2", "rich", "flask"]);
  expect(wanted.requirements.map(({ where }) => where)).toEqual([
    "requirements.txt:2",
    "requirements.txt:4",
    "web.txt:1",
  ]);
  expect(files).toEqual([folder.at("requirements.txt"), folder.at("web.txt")]);
});

test("uv's sources: an index stays a name, a wheel becomes its URL", () => {
  const text = `
[project]
name = "x"
dependencies = ["torch", "my-pkg[a]>=1 ; sys_platform == 'linux'"]
[[tool.uv.index]]
name = "cpu"
url = "https://u:p@torch.example/"
[tool.uv.sources]
torch = { index = "cpu" }
My_Pkg = { url = "https://u:q@files.example/my_pkg-1.0-py3-none-any.whl" }
`;
  const { wanted, layer } = readPyproject({ ...request, text });
  expect(specifiers(wanted)).toEqual([
    "torch",
    "my-pkg[a] @ https://files.example/my_pkg-1.0-py3-none-any.whl ; sys_platform == 'linux'",
  ]);
  expect(layer.sources).toEqual({ torch: [{ index: "cpu" }] });
  expect(layer.credentials.map(({ password }) => password)).toEqual(["p", "q"]);
});

test.for<[string, Partial<Parameters<typeof readPyproject>[0]>, string, string]>([
  ["an unknown extra", { text: project, extras: ["nope"] }, "EXTRA_UNKNOWN", '"nope"'],
  ["an unknown group", { text: project, groups: ["nope"] }, "GROUP_UNKNOWN", '"nope"'],
  ["a loop of groups", { text: project, groups: ["loop"] }, "GROUP_LOOP", "loop -> loop2 -> loop"],
  ["nothing to read", { text: "[tool.black]\n" }, "PYPROJECT_NO_PROJECT", "no [project]"],
  [
    "poetry's own table",
    { text: '[tool.poetry.dependencies]\npython = "*"\n' },
    "PYPROJECT_NO_PROJECT",
    "tool.poetry",
  ],
  [
    "computed dependencies",
    { text: '[project]\nname = "x"\ndynamic = ["dependencies"]\n' },
    "PYPROJECT_DYNAMIC",
    "pyproject.toml:3: project.dynamic: dependencies",
  ],
  [
    "a workspace member",
    {
      text: '[project]\nname = "x"\ndependencies = ["lib"]\n[tool.uv.sources]\nlib = { workspace = true }\n',
    },
    "REQUIREMENT_SOURCE",
    "pyproject.toml:5: tool.uv.sources.lib: lib",
  ],
  [
    "a repository",
    { text: '[project]\nname = "x"\ndependencies = ["lib @ git+https://code.example/lib"]\n' },
    "REQUIREMENT_VCS",
    "pyproject.toml:3",
  ],
  [
    "a string for an array",
    { text: '[project]\nname = "x"\ndependencies = "a"\n' },
    "SETTING_TYPE",
    ":3: project.dep",
  ],
  ["broken TOML", { text: "[project\n" }, "SETTINGS_SYNTAX", "pyproject.toml:1:"],
  [
    "a bad specifier",
    { text: '[project]\nname = "x"\ndependencies = ["a =>1"]\n' },
    "REQUIREMENT_SYNTAX",
    ":3",
  ],
  ["a bad Python", { text: '[project]\nname = "x"\nrequires-python = "3"\n' }, "SPECIFIER_SYNTAX", ":3"],
])("%s is refused and named", ([_, given, code, text]) => {
  expect(() => readPyproject({ ...request, text: "", ...given })).toThrow(
    expect.objectContaining({ code, exitCode: 2, message: expect.stringContaining(text) }),
  );
});

const script = (...lines: string[]) => `#!/usr/bin/env python\n${lines.join("\n")}\nimport rich\n`;

test("a script's metadata is read, with the lines of the script in messages", () => {
  const text = script(
    "# /// script",
    '# requires-python = ">=3.12"',
    "# dependencies = [",
    '#   "requests<3",',
    "#",
    '#   "rich", # why',
    "# ]",
    "# [tool.uv]",
    '# prerelease = "allow"',
    "# ///",
  );
  const { wanted, layer } = readScriptMetadata(text, "tool.py", "/project")!;
  expect(wanted.requiresPython).toBe(">=3.12");
  expect(specifiers(wanted)).toEqual(["requests<3", "rich"]);
  expect(wanted.requirements[0]!.where).toBe("tool.py:4: dependencies");
  expect(layer.prerelease).toBe("allow");
});

test("a script without a whole block has no metadata", () => {
  for (const text of [
    "import os\n",
    script("# /// script", "# dependencies = []"),
    script("# /// other", "# x", "# ///"),
  ]) {
    expect(readScriptMetadata(text, "tool.py", "/project")).toBeUndefined();
  }
});

test("a script with two blocks or a broken one is refused", () => {
  const block = ["# /// script", '# dependencies = ["a"]', "# ///", ""];
  const twice = script(...block, ...block);
  expect(() => readScriptMetadata(twice, "tool.py", "/")).toThrow(
    expect.objectContaining({ code: "SCRIPT_METADATA" }),
  );
  const broken = script("# /// script", "# dependencies = [", "# ///");
  expect(() => readScriptMetadata(broken, "tool.py", "/")).toThrow(/tool\.py:[345]:\d+: not TOML/);
});
