import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Tree, treeOf } from "../../../tests/support/tree.ts";
import { walkContext } from "../../context/walk.ts";
import { detectProject } from "./detect.ts";
import type { DetectOptions, LoadedProject } from "./loaded-project.ts";

async function detected(tree: Tree, options: DetectOptions & { path?: string } = {}): Promise<LoadedProject> {
  using folder = treeOf(tree);
  try {
    return await detectProject(join(folder.path, options.path ?? ""), options);
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replaceAll(folder.path, "[folder]");
    throw error;
  }
}

const script = (body: string) => `# /// script\n${body}# ///\nprint(1)\n`;
const app = '[project]\nname = "demo"\nversion = "1.0"\n';

describe("what is found", () => {
  const cases: readonly (readonly [
    name: string,
    tree: Tree,
    kind: string,
    source: unknown,
    cmd?: readonly string[],
  ])[] = [
    [
      "requirements.txt",
      { "requirements.txt": "", "app.py": "" },
      "requirements",
      { paths: ["requirements.txt"] },
      ["python", "app.py"],
    ],
    [
      "pylock.toml before requirements.txt",
      { "pylock.toml": "", "requirements.txt": "" },
      "pylock",
      { path: "pylock.toml" },
    ],
    ["one named pylock", { "pylock.prod.toml": "" }, "pylock", { path: "pylock.prod.toml" }],
    [
      "pylock.toml before named ones",
      { "pylock.toml": "", "pylock.dev.toml": "" },
      "pylock",
      { path: "pylock.toml" },
    ],
    [
      "uv.lock",
      { "uv.lock": "", "pyproject.toml": app, "main.py": "" },
      "uv-lock",
      { path: "uv.lock" },
      ["python", "main.py"],
    ],
    [
      "uv.lock before poetry.lock",
      { "uv.lock": "", "poetry.lock": "", "pyproject.toml": app },
      "uv-lock",
      { path: "uv.lock" },
    ],
    [
      "poetry.lock",
      { "poetry.lock": "", "pyproject.toml": "[tool.poetry]\n" },
      "poetry-lock",
      { path: "poetry.lock" },
    ],
    [
      "poetry.lock before requirements.txt",
      { "poetry.lock": "", "requirements.txt": "", "pyproject.toml": "" },
      "poetry-lock",
      { path: "poetry.lock" },
    ],
    [
      "requirements.txt before pyproject.toml",
      { "requirements.txt": "", "pyproject.toml": app },
      "requirements",
      { paths: ["requirements.txt"] },
    ],
    [
      "pyproject.toml",
      { "pyproject.toml": app, "main.py": "" },
      "pyproject",
      { path: "pyproject.toml" },
      ["python", "main.py"],
    ],
    [
      "a pyproject.toml of tools only is none",
      { "pyproject.toml": "[tool.ruff]\n", "app.py": "" },
      "files",
      { specifiers: [] },
      ["python", "app.py"],
    ],
    [
      "a script",
      { "tool.py": script("# dependencies = []\n"), "lib.py": "" },
      "script",
      { path: "tool.py" },
      ["python", "tool.py"],
    ],
    [
      "app.py before main.py",
      { "app.py": "", "main.py": "" },
      "files",
      { specifiers: [] },
      ["python", "app.py"],
    ],
    [
      "__main__.py before app.py",
      { "app.py": "", "__main__.py": "" },
      "files",
      { specifiers: [] },
      ["python", "__main__.py"],
    ],
    [
      "cambium.lock alone",
      { "cambium.lock": "[debian]\nsuite = 'bookworm'\n" },
      "cambium-lock",
      { path: "cambium.lock" },
    ],
    [
      "cambium.lock with what it was made from",
      { "cambium.lock": "", "requirements.txt": "" },
      "requirements",
      { paths: ["requirements.txt"] },
    ],
    [
      "a Pipenv project with exported requirements",
      { "Pipfile.lock": "{}", "requirements.txt": "" },
      "requirements",
      {},
    ],
    [
      "a conda environment beside pyproject.toml",
      { "environment.yml": "", "pyproject.toml": app },
      "pyproject",
      {},
    ],
    [
      "cambium.yaml before all Python files",
      { "cambium.yaml": "python: uv.lock", "requirements.txt": "" },
      "spec",
      { path: "uv.lock" },
    ],
    [
      "cambium.yaml before a Dockerfile",
      { "cambium.yaml": "python: uv.lock", Dockerfile: "" },
      "spec",
      { path: "uv.lock" },
    ],
  ];

  test.for(cases)("%s", async ([, tree, kind, source, cmd]) => {
    const project = await detected(tree);
    expect(project.kind).toBe(kind);
    expect(project.definition.python?.source).toMatchObject(source as object);
    expect(project.definition.config.cmd).toEqual(cmd);
  });

  test("one script by its path: it alone is copied", async () => {
    const tree = { "a.py": script("# requires-python = '<3.12'\n"), "b.py": script("") };
    const { definition, files } = await detected(tree, { path: "a.py" });
    expect(definition).toMatchObject({
      base: { suite: "bookworm" },
      files: [{ sources: ["a.py"], destination: "/app/" }],
    });
    expect(files).toEqual(["a.py"]);
  });

  test("a file that is named comes before what would be found", async () => {
    const tree = { Dockerfile: "", "deps/prod.txt": "", "uv.lock": "", "pyproject.toml": app };
    const { kind, definition } = await detected(tree, { file: "deps/prod.txt" });
    expect(kind).toBe("requirements");
    expect(definition.python?.source).toEqual({ kind: "requirements", paths: ["deps/prod.txt"] });
  });
});

test("the whole of a small project", async () => {
  const project = await detected({
    "requirements.txt": "flask\n",
    "app.py": "",
    ".python-version": "3.11\n",
    "cambium.lock": "",
    "env/pyvenv.cfg": "",
  });
  expect(project).toMatchObject({
    definition: {
      base: { kind: "debian", suite: "bookworm", variant: "standard", keep: [], packages: [] },
      python: { source: { kind: "requirements", paths: ["requirements.txt"] }, extras: [], groups: [] },
      files: [{ op: "copy", sources: ["."], destination: "/app/" }],
      users: [],
      config: { workdir: "/app", cmd: ["python", "app.py"], labels: {}, exposedPorts: [], volumes: [] },
    },
    lockFile: "cambium.lock",
    files: [".python-version", "requirements.txt"],
    notices: [],
    explanation:
      "requirements.txt; Debian bookworm with Python 3.11 (.python-version: 3.11); runs python app.py",
  });
  expect(project.context.ignoreFiles).toEqual(["dockerignore", "gitignore"]);
  expect(project.context.exclude).toContain("**/.venv");
  expect(project.context.exclude).toContain("./env");
});

describe("where the Python is stated", () => {
  test.for([
    ["uv.lock", { "uv.lock": 'version = 1\nrequires-python = "<3.12"\n', "pyproject.toml": app }],
    ["poetry.lock", { "poetry.lock": '[metadata]\npython-versions = "~3.11"\n', "pyproject.toml": "" }],
    ["pylock.toml", { "pylock.toml": 'requires-python = ">=3.9,<3.12"\n' }],
    ["pyproject.toml", { "pyproject.toml": `${app}requires-python = "==3.11.*"\n` }],
    [
      "pyproject.toml beside requirements.txt",
      { "requirements.txt": "", "pyproject.toml": `${app}requires-python = "<3.13"\n` },
    ],
    [
      "pyproject.toml of a spec without base",
      { "cambium.yaml": "python: pyproject.toml", "pyproject.toml": `${app}requires-python = "<3.13"` },
    ],
    ["cambium.lock alone", { "cambium.lock": '[debian]\nsuite = "bookworm"\nvariant = "standard"\n' }],
    ["[tool.cambium]", { "pyproject.toml": `${app}[tool.cambium]\ndebian = "bookworm"\n` }],
  ] as const)("%s", async ([, tree]) => {
    expect((await detected(tree)).definition.base).toMatchObject({ suite: "bookworm" });
  });

  test("a flag comes before .python-version", async () => {
    const tree = { "requirements.txt": "", ".python-version": "3.13" };
    expect((await detected(tree, { python: "3.11" })).definition.base).toMatchObject({ suite: "bookworm" });
  });
});

describe("[tool.cambium]", () => {
  const tree = (settings: string, more = ""): Tree => ({
    "pyproject.toml": `${app}${more}[tool.cambium]\n${settings}`,
    "main.py": "",
  });

  test("has the words of cambium.yaml", async () => {
    const { definition, settings } = await detected(
      tree(
        'cmd = "python main.py --fast"\napt = ["curl"]\nenv = { A = "1" }\npython = { groups = ["prod"] }\ntags = ["demo"]\ncopy = [{ from = "main.py", chmod = 0o600 }]\n',
      ),
      { groups: ["dev"] },
    );
    expect(definition).toMatchObject({
      base: { packages: ["curl"] },
      python: { source: { kind: "pyproject" }, groups: ["dev", "prod"] },
      files: [{ op: "copy", sources: ["main.py"], destination: "/app/", chmod: 0o600 }],
      config: { cmd: ["python", "main.py", "--fast"] },
    });
    expect(definition.config.env).toContainEqual(["A", "1"]);
    expect(settings.tags).toEqual(["demo"]);
  });

  test("may name the source", async () => {
    const { definition } = await detected(tree('python = { requirements = "deps.txt", extras = ["x"] }\n'));
    expect(definition.python).toEqual({
      source: { kind: "requirements", paths: ["deps.txt"] },
      extras: ["x"],
      groups: [],
    });
  });

  test("asks for bytecode, which is no source; a flag comes before it", async () => {
    const asking = tree("python = { bytecode = true }\n");
    const { definition } = await detected(asking);
    expect(definition.python).toMatchObject({ source: { kind: "pyproject" }, bytecode: true });
    const refused = await detected(asking, { bytecode: false });
    expect(refused.definition.python).not.toHaveProperty("bytecode");
    const plain = await detected(tree(""), { bytecode: true });
    expect(plain.definition.python).toEqual(definition.python);
  });

  test("has commands and stages too, above the packages and the project itself", async () => {
    const { definition, stages, settings } = await detected({
      "pyproject.toml": `${app}[build-system]
requires = ["setuptools"]
[tool.setuptools]
packages = ["demo"]
[tool.cambium]
run = ["make", { command = "check", env = { LEVEL = "1.10" } }]
copy = [".", { from = "/out", to = "/out", stage = "made" }]
[tool.cambium.stages.made]
debian = "bookworm"
apt = ["gcc"]
steps = [{ copy = "main.py:/" }, { run = "gcc" }, { http = { url = "https://example.org/x", to = "/" } }]
`,
      "main.py": "",
      "demo/__init__.py": "",
    });
    expect(settings.gitignore).toBe(true);
    expect(definition).toMatchObject({ base: { suite: "trixie" }, files: [] });
    const [made, image] = stages!.stages;
    expect(made).toMatchObject({
      name: "made",
      base: { packages: { base: { suite: "bookworm", packages: ["apt", "gcc"] } } },
      steps: [{ text: "COPY main.py /" }, { text: "RUN /bin/sh -c gcc" }, { op: "copy" }],
    });
    expect(image).toMatchObject({
      isImage: true,
      base: { packages: { base: { suite: "trixie", packages: ["apt"] }, isBaseSet: false } },
      config: { cmd: ["python", "main.py"], workdir: "/app" },
    });
    expect(image!.base).toMatchObject({ packages: { python: { source: { kind: "pyproject" } } } });
    expect(image!.steps.map(({ text }) => text)).toEqual([
      "INSTALL demo 1.0",
      "COPY . /app/",
      "COPY /out /out",
      "RUN /bin/sh -c make",
      "RUN /bin/sh -c check",
    ]);
    expect(stages!.pythons.get(1)).toMatchObject({ version: "3.13" });
  });

  test("with steps copies what they say, in their order", async () => {
    const { stages } = await detected(
      tree('steps = [{ run = "first" }, { copy = "main.py" }, { merge = "a" }]\nstages.a.from = "scratch"\n'),
    );
    expect(stages!.stages.at(-1)!.steps.map(({ text }) => text)).toEqual([
      "RUN /bin/sh -c first",
      "COPY main.py /app/",
      "MERGE",
    ]);
  });

  test("lends certificates to commands", async () => {
    const { settings } = await detected(tree('run = "true"\nca = "all.pem"\n'));
    expect(settings.ca).toBe("all.pem");
  });

  test.for<[name: string, settings: string, message: string]>([
    [
      "in an item",
      'run = [\n  "a",\n  { command = "b", mounts = [{ type = "tmpfs" }] },\n]\n',
      "pyproject.toml:5: [tool.cambium]: run: mount: a tmpfs needs a target",
    ],
    [
      "in a table of an array",
      '[[tool.cambium.steps]]\ncopy = "."\n[[tool.cambium.steps]]\nrnu = "x"\n',
      'pyproject.toml:8: [tool.cambium]: unknown key "rnu" in steps[1]',
    ],
    [
      "in a stage",
      '[tool.cambium.stages.one]\nfrom = "scratch"\n[tool.cambium.stages.two]\nstage = "oen"\n',
      'pyproject.toml:8: [tool.cambium]: there is no stage "oen"',
    ],
    [
      "of an image that has no place for its packages",
      'stage = "one"\n[tool.cambium.stages.one]\nfrom = "scratch"\n',
      "pyproject.toml:4: [tool.cambium]: python: packages and accounts stand on debian or an image, not on stage one",
    ],
    [
      "about what no command would find",
      'ca = "all.pem"\n',
      "pyproject.toml:5: [tool.cambium]: ca: no command runs here",
    ],
  ])("a mistake %s names the line", async ([, settings, message]) => {
    await expect(detected(tree(settings))).rejects.toMatchObject({
      message: expect.stringContaining(message),
    });
  });

  test("a mistake names the line", async () => {
    await expect(detected(tree('cmd = "x"\napt-get = ["curl"]\n'))).rejects.toMatchObject({
      code: "SPEC_UNKNOWN_KEY",
      message: 'pyproject.toml:6: [tool.cambium]: unknown key "apt-get"',
    });
    await expect(detected(tree("expose = 99999\n"))).rejects.toMatchObject({
      code: "SPEC_INVALID",
      message: "pyproject.toml:5: [tool.cambium]: expose: expected at most 65535, got 99999",
    });
  });
});

test("a virtual environment is left out whatever its name, and nothing else with it", async () => {
  using folder = treeOf({
    "app.py": "",
    "!env[1]*/pyvenv.cfg": "",
    "!env[1]*/bin/python": "",
    "!env1/x": "",
  });
  const { context } = await detectProject(folder.path);
  const { files } = await walkContext(context.root, context);
  expect(files.map(({ path }) => path)).toEqual(["!env1", "!env1/x", "app.py"]);
});

test("commands of a project that is not installed are told, with the way out", async () => {
  const tree = { "pyproject.toml": `${app}[project.scripts]\nserve = "app:main"\n`, "app.py": "" };
  const { definition, notices } = await detected(tree);
  expect(definition.config.cmd).toEqual(["python", "app.py"]);
  expect(notices).toEqual([expect.stringMatching(/\[project\.scripts\] are not installed.*package = true/)]);
});
