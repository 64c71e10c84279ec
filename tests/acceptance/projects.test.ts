import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type Tree, treeOf } from "../support/tree.ts";
import { lendTools } from "./lent.ts";
import { done, fresh, run, tool, validated } from "./workplace.ts";
import "../support/in-memory.ts";

const isReady = needs("runc", "skopeo");
const folder = temporaryFolder();
let lent: string;
beforeAll(async () => {
  lent = await lendTools(folder.at("lent"));
});
afterAll(() => folder[Symbol.dispose]());

const examples: readonly (readonly [name: string, printed: RegExp])[] = [
  [
    "flask-app",
    /^\{"orders":5000,"quarters":\{"Q1":\{"north":\d+,"south":\d+,"west":\d+\},.*"total":\d+\.\d+\}\n$/,
  ],
  ["yaml", /^<!-- hello\.md, as uid 1000 -->\n<h1>Hello<\/h1>\n[\s\S]*<div class="codehilite">/],
  ["builder", /^\/opt\n└── venv\n {4}├── bin\n/],
  [
    "forecast",
    /^trend \+0\.0\d\d a day, r = 0\.\d\d\n(2025-12-31|2026-01-0[1-6]) +\d+\.\d\n[\s\S]*2026-01-06 +\d+\.\d\n/,
  ],
];

describe.runIf(isReady).for(examples)("the example %s", ([name, printed]) => {
  const tag = `example:${name}`;
  const layout = folder.at(name);

  test("builds, runs and prints what it is for", async () => {
    await done(["build", join(root, "examples", name), ...fresh, "-t", tag, "-o", `type=oci,dest=${layout}`]);
    const { exitCode, stdout, stderr } = await run(["run", "--image", tag]);
    expect(stdout, stderr).toMatch(printed);
    expect(exitCode).toBe(0);
  });

  test("is valid, and skopeo takes it as it is", async () => {
    expect(await validated(layout)).toMatchObject({ problems: [], checked: { manifests: 1 } });
    const copy = folder.at(`${name}-copy`);
    await tool("skopeo", "copy", "--quiet", "--preserve-digests", `oci:${layout}:${name}`, `dir:${copy}`);
    rmSync(layout, { recursive: true });
    rmSync(copy, { recursive: true });
  });
});

/** No image of an earlier run may answer. Its base may: the examples have just computed that anew. */
const nonce = `${process.pid} ${Date.now()}\n`;

const pyproject = (name: string, backend: string, more = "") =>
  `[build-system]\nrequires = ["${backend.split(".")[0]}"]\nbuild-backend = "${backend}"\n\n` +
  `[project]\nname = "${name}"\nversion = "1.2"\nrequires-python = ">=3.11"\n${more}\n` +
  `[project.scripts]\n${name} = "${name.replace("-", "_")}.cli:main"\n`;
const cli = 'import sys\n\ndef main():\n    print("called", sys.argv[1:])\n    return 3\n';

describe.runIf(isReady).for([
  {
    layout: "flat",
    at: "flat_one",
    file: "/app/flat_one/__init__.py",
    name: "flat-one",
    backend: "setuptools.build_meta",
  },
  {
    layout: "src",
    at: "src/src_one",
    file: "/app/src/src_one/__init__.py",
    name: "src-one",
    backend: "hatchling.build",
  },
])("a project of the $layout kind, without configuration", ({ at, file, name, backend }) => {
  const module = name.replace("-", "_");
  let project: ReturnType<typeof treeOf>;
  beforeAll(() => {
    project = treeOf({
      "pyproject.toml": pyproject(name, backend, 'dependencies = ["six==1.17.0"]'),
      [`${at}/__init__.py`]: "import six\n",
      [`${at}/cli.py`]: cli,
      "README.md": nonce,
    });
  });
  afterAll(() => project?.[Symbol.dispose]());

  test("its console script is the command, and its exit code comes back", async () => {
    await done(["build", project.path]);
    expect(await run(["run", project.path])).toMatchObject({ exitCode: 3, stdout: "called []\n" });
    expect(await run(["run", project.path, name, "a b"])).toMatchObject({ stdout: "called ['a b']\n" });
  });

  test("its package is imported from the project's own files, and pip knows it as editable", async () => {
    const code = `import ${module}, importlib.metadata as m; print(${module}.__file__, m.version("${name}"))`;
    expect(await done(["run", project.path, "python", "-c", code])).toBe(`${file} 1.2\n`);
    const pip = ["-v", `${lent}:/lent:ro`, "-e", "PYTHONPATH=/lent/pip", project.path, "python", "-m", "pip"];
    const listed = await done(["run", ...pip, "list", "--editable", "--format", "json"]);
    expect(JSON.parse(listed)).toEqual([{ name, version: "1.2", editable_project_location: "/app" }]);
    expect(await done(["run", ...pip, "check"])).toBe("No broken requirements found.\n");
  });
});

test.runIf(isReady)("a user by name, files with rules, and only what .dockerignore leaves", async () => {
  const files: Tree = {
    "cambium.yaml": [
      "debian: trixie",
      "python: { packages: [six==1.17.0] }",
      "copy:",
      "  - .",
      '  - { from: "conf/*.ini", to: /etc/app/, chmod: 0400, owner: app }',
      "user: app",
      "cmd: [python, main.py]",
    ].join("\n"),
    ".dockerignore": "*.log\nsecret\n!keep.log\nconf\n!conf/a.ini\n",
    "main.py": [
      "import grp, os, pwd, stat, sys",
      "me = pwd.getpwuid(os.getuid())",
      "print(me.pw_name, os.getuid(), grp.getgrgid(os.getgid()).gr_name, os.environ['HOME'], os.access(me.pw_dir, os.W_OK))",
      "print(sorted(os.path.relpath(os.path.join(d, f), '/app') for d, _, fs in os.walk('/app') for f in fs))",
      "a = os.stat('/etc/app/a.ini')",
      "print(os.listdir('/etc/app'), oct(stat.S_IMODE(a.st_mode)), pwd.getpwuid(a.st_uid).pw_name, open('/etc/app/a.ini').read())",
      "print(os.access('/app/main.py', os.W_OK), os.access('/opt/venv', os.W_OK))",
    ].join("\n"),
    "gone.log": "",
    "keep.txt": nonce,
    "keep.log": "",
    "secret/key": "hidden",
    "conf/a.ini": "a=1",
    "conf/b.ini": "b=1",
    "sub/tool.sh": { mode: 0o755, text: "#!/bin/sh\n" },
  };
  using project = treeOf(files);
  await done(["build", project.path]);
  expect((await done(["run", project.path])).split("\n")).toEqual([
    "app 1000 app /home/app True",
    "['.dockerignore', 'cambium.yaml', 'conf/a.ini', 'keep.log', 'keep.txt', 'main.py', 'sub/tool.sh']",
    "['a.ini'] 0o400 app a=1",
    "False False",
    "",
  ]);
  const who = ["python", "-c", "import getpass, os; print(getpass.getuser(), os.getuid())"];
  expect(await done(["run", "-u", "nobody", project.path, ...who])).toBe("nobody 65534\n");
  expect(await done(["run", "-u", "0", project.path, ...who])).toBe("root 0\n");
});
