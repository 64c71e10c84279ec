import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { type Tree, treeOf } from "../../../tests/support/tree.ts";
import { CambiumError } from "../../errors.ts";
import { detectProject } from "./detect.ts";
import { openProject } from "./project-files.ts";
import { isPackage, staticPackage } from "./static-package.ts";

const build = (backend: string, requires = "[]") =>
  `[build-system]\nrequires = ${requires}\nbuild-backend = "${backend}"\n`;
const SETUPTOOLS = build("setuptools.build_meta");
const HATCH = build("hatchling.build");
const UV = build("uv_build");
const FLIT = build("flit_core.buildapi");
const POETRY = build("poetry.core.masonry.api");
const project = (more = "") => `[project]\nname = "Demo.App"\nversion = "1.0"\n${more}`;
const dynamic = '[project]\nname = "demo-app"\ndynamic = ["version"]\n';
const flat: Tree = { "demo_app/__init__.py": '__version__ = "2.1"  # set by hand\n' };
const src: Tree = { "src/demo_app/__init__.py": '__version__: str = "2.1"\n' };

function packageOf(pyproject: string, tree: Tree) {
  using folder = treeOf({ ...tree, "pyproject.toml": pyproject });
  return staticPackage(openProject(folder.path), parse(pyproject));
}

describe("whether a project is a package", () => {
  test.for([
    ["a build system", project() + SETUPTOOLS, true],
    ["none, as uv has it", project(), false],
    ["tool.uv.package = false", `${project()}${HATCH}[tool.uv]\npackage = false\n`, false],
    ["tool.uv.package = true", `${project()}[tool.uv]\npackage = true\n`, true],
    ["Poetry's package-mode = false", `${POETRY}[tool.poetry]\nname = "x"\npackage-mode = false\n`, false],
    ["Poetry's older tables", `${POETRY}[tool.poetry]\nname = "x"\nversion = "1"\n`, true],
    ["a build system without metadata", SETUPTOOLS, false],
  ] as const)("%s: %j", ([, text, expected]) => {
    expect(isPackage(parse(text), undefined)).toBe(expected);
    expect(isPackage(parse(text), !expected)).toBe(!expected);
  });
});

describe("where the import packages are", () => {
  const cases: readonly (readonly [
    name: string,
    pyproject: string,
    tree: Tree,
    roots: string[],
    modules: string[],
  ])[] = [
    ["flat", project() + SETUPTOOLS, flat, [""], ["demo_app"]],
    ["src", project() + SETUPTOOLS, src, ["src"], ["src/demo_app"]],
    ["src before flat", project() + SETUPTOOLS, { ...flat, ...src }, ["src"], ["src/demo_app"]],
    ["one module", project() + FLIT, { "demo_app.py": "" }, [""], ["demo_app"]],
    ["a namespace", project() + HATCH, { "src/Demo/App/x.py": "" }, ["src"], ["src/Demo/App"]],
    [
      "another name",
      project() + SETUPTOOLS,
      { "other/__init__.py": "", "tests/__init__.py": "" },
      [""],
      ["other"],
    ],
    [
      "setuptools' where",
      `${project()}${SETUPTOOLS}[tool.setuptools.packages.find]\nwhere = ["lib"]\n`,
      { "lib/x/__init__.py": "" },
      ["lib"],
      [],
    ],
    [
      "setuptools' package-dir",
      `${project()}${SETUPTOOLS}[tool.setuptools]\npackage-dir = { "" = "lib" }\n`,
      { "lib/x/__init__.py": "" },
      ["lib"],
      [],
    ],
    [
      "hatch's packages",
      `${project()}${HATCH}[tool.hatch.build.targets.wheel]\npackages = ["python/x", "other/y"]\n`,
      { "python/x/a": "", "other/y/a": "" },
      ["other", "python"],
      ["python/x", "other/y"],
    ],
    [
      "Poetry's packages",
      `${POETRY}[tool.poetry]\nname = "demo"\nversion = "1"\npackages = [{ include = "x", from = "lib" }]\n`,
      { "lib/x/a": "" },
      ["lib"],
      ["lib/x"],
    ],
    [
      "uv_build's module-root",
      `${project()}${UV}[tool.uv.build-backend]\nmodule-root = ""\n`,
      flat,
      [""],
      [],
    ],
    [
      "uv_build's module-name",
      `${project()}${UV}[tool.uv.build-backend]\nmodule-name = "a.b"\n`,
      { "src/a/b/c": "" },
      ["src"],
      ["src/a/b"],
    ],
  ];

  test.for(cases)("%s", ([, pyproject, tree, roots, modules]) => {
    expect(packageOf(pyproject, tree).layout).toEqual({ roots, modules });
  });
});

describe("a dynamic version that is in a file", () => {
  test.for([
    ["hatch's path", `${dynamic}${HATCH}[tool.hatch.version]\npath = "src/demo_app/__init__.py"\n`, src],
    [
      "setuptools' attr",
      `${dynamic}${SETUPTOOLS}[tool.setuptools.dynamic]\nversion = { attr = "demo_app.__version__" }\n`,
      src,
    ],
    [
      "setuptools' file",
      `${dynamic}${SETUPTOOLS}[tool.setuptools.dynamic]\nversion = { file = "VERSION" }\n`,
      { ...flat, VERSION: "2.1\n" },
    ],
    ["flit's module", dynamic + FLIT, flat],
    [
      "PDM's file",
      `${dynamic}${build("pdm.backend")}[tool.pdm.version]\nsource = "file"\npath = "demo_app/__init__.py"\n`,
      flat,
    ],
  ] as const)("%s", ([, pyproject, tree]) => {
    expect(packageOf(pyproject, tree).version).toBe("2.1");
  });
});

describe("what only a build could tell is an error that names it", () => {
  const cases: readonly (readonly [field: string, pyproject: string, tree: Tree])[] = [
    ["project.version", dynamic + SETUPTOOLS, flat],
    ["project.version", `${dynamic}${HATCH}[tool.hatch.version]\nsource = "vcs"\n`, flat],
    ["project.version", `${dynamic}${HATCH}[tool.hatch.version]\npath = "../outside.py"\n`, flat],
    [
      "project.version",
      `${dynamic}${SETUPTOOLS}[tool.setuptools.dynamic]\nversion = { attr = "demo_app.compute" }\n`,
      flat,
    ],
    ["project.name", `[project]\nversion = "1"\n${SETUPTOOLS}`, flat],
    ["project.name", project() + SETUPTOOLS, {}],
    ["project.dynamic", project('dynamic = ["scripts"]\n') + SETUPTOOLS, flat],
    ["project.dynamic", project('dynamic = ["dependencies"]\n') + HATCH, flat],
    ["build-system.build-backend", project() + build("maturin"), flat],
    ["build-system.build-backend", project() + build("mesonpy"), flat],
    [
      "build-system.backend-path",
      `${project()}[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n`,
      flat,
    ],
    [
      "build-system.requires",
      project() + build("setuptools.build_meta", '["setuptools", "Cython>=3"]'),
      flat,
    ],
    ["build-system.requires", project() + build("setuptools.build_meta", '["pybind11"]'), flat],
    [
      "tool.setuptools.ext-modules",
      `${project()}${SETUPTOOLS}[[tool.setuptools.ext-modules]]\nname = "x"\n`,
      flat,
    ],
    ["tool.hatch.build.hooks", `${project()}${HATCH}[tool.hatch.build.hooks.custom]\n`, flat],
    [
      "tool.poetry.build",
      `${POETRY}[tool.poetry]\nname = "demo-app"\nversion = "1"\nbuild = "build.py"\n`,
      flat,
    ],
    [
      "setup.py",
      project() + SETUPTOOLS,
      { ...flat, "setup.py": "from setuptools import setup\nopen('canary', 'w')\nsetup()\n" },
    ],
    [
      "the package folder",
      `${project()}${SETUPTOOLS}[tool.setuptools.packages.find]\nwhere = ["../x"]\n`,
      flat,
    ],
  ];

  test.for(cases)("%s: %#", ([field, pyproject, tree]) => {
    expect(() => packageOf(pyproject, tree)).toThrowError(
      expect.objectContaining({
        code: "PROJECT_NOT_STATIC",
        exitCode: 2,
        message: expect.stringMatching(new RegExp(`^pyproject\\.toml: .* ${field.replaceAll(".", "\\.")}`)),
        hint: expect.stringContaining("package = false"),
      }),
    );
  });

  test("a setup.py that is a bare call says nothing, and neither do dependencies in a named file", () => {
    const tree = {
      ...flat,
      "setup.py": '"""Old pip."""\nfrom setuptools import setup\n\nsetup()  # all in pyproject\n',
    };
    const files = '[tool.setuptools.dynamic]\ndependencies = { file = ["requirements.txt"] }\n';
    expect(packageOf(project() + SETUPTOOLS, tree).name).toBe("Demo.App");
    expect(
      packageOf(project('dynamic = ["dependencies", "readme"]\n') + SETUPTOOLS + files, flat).version,
    ).toBe("1.0");
  });
});

describe("a package in a build without configuration", () => {
  async function detected(tree: Tree) {
    using folder = treeOf(tree);
    return await detectProject(folder.path);
  }
  const scripts = (...names: string[]) =>
    `[project.scripts]\n${names.map((name) => `${name} = "demo_app:main"\n`).join("")}`;

  test("is installed editable, ahead of its files", async () => {
    const pyproject = project('dependencies = ["six"]\n') + scripts("serve") + SETUPTOOLS;
    const { definition, explanation } = await detected({ ...src, "pyproject.toml": pyproject });
    expect(definition.files.map(({ op }) => op)).toEqual(["generate", "copy"]);
    const [install] = definition.files;
    const files = install?.op === "generate" ? install.files : [];
    const pth = files.find(({ path }) => path.endsWith(".pth"));
    expect(pth).toMatchObject({ type: "file", content: "/app/src\n" });
    expect(files.map(({ path }) => path)).toContain("opt/venv/bin/serve");
    expect(definition.config.cmd).toEqual(["serve"]);
    expect(explanation).toContain("Demo.App 1.0 installed editable");
  });

  test.for([
    ["its only script", [scripts("serve")], {}, ["serve"]],
    ["the script named like it", [scripts("demo-app", "other")], {}, ["demo-app"]],
    ["no script among several", [scripts("one", "two")], {}, undefined],
    ["its __main__", [], { "src/demo_app/__main__.py": "" }, ["python", "-m", "demo_app"]],
    ["a file beside", [], { "main.py": "" }, ["python", "main.py"]],
  ] as const)("runs %s", async ([, parts, tree, cmd]) => {
    const pyproject = project() + parts.join("") + SETUPTOOLS;
    const { definition, notices } = await detected({ ...src, ...tree, "pyproject.toml": pyproject });
    expect(definition.config.cmd).toEqual(cmd);
    expect(notices.length > 0).toBe(cmd === undefined);
  });

  test("says which commands there are when it cannot choose", async () => {
    const { notices } = await detected({
      ...src,
      "pyproject.toml": project() + scripts("two", "one") + SETUPTOOLS,
    });
    expect(notices).toEqual([
      "The project has several commands (one, two); the image has none. Set cmd in [tool.cambium].",
    ]);
  });

  test("package = false copies the files and asks for nothing more", async () => {
    const pyproject = `${dynamic}${build("maturin")}[tool.cambium]\npackage = false\n`;
    const { definition } = await detected({ "pyproject.toml": pyproject, "main.py": "" });
    expect(definition.files.map(({ op }) => op)).toEqual(["copy"]);
  });

  test("requirements.txt does not ask for the project, unless it says so", async () => {
    const tree = { ...flat, "pyproject.toml": project() + build("maturin"), "main.py": "" };
    const { definition, notices } = await detected({ ...tree, "requirements.txt": "six\n" });
    expect(definition.files.map(({ op }) => op)).toEqual(["copy"]);
    expect(notices[0]).toContain("build-system.build-backend");
    for (const line of ["-e .", "--editable=.", "-e .[extra]  # own"]) {
      const asked = detected({ ...tree, "requirements.txt": `six\n${line}\n` });
      await expect(asked).rejects.toBeInstanceOf(CambiumError);
    }
  });
});
