import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Tree, treeOf } from "../../../tests/support/tree.ts";
import { CambiumError } from "../../errors.ts";
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

describe("what cannot be built says why and what to do", () => {
  const cases: readonly (readonly [
    name: string,
    tree: Tree,
    code: string,
    message: string,
    hint?: string,
  ])[] = [
    [
      "Dockerfile",
      { Dockerfile: "FROM x" },
      "PROJECT_UNSUPPORTED",
      "Dockerfile: a Dockerfile is no list of packages",
      "-f",
    ],
    [
      "Dockerfile beside Python files",
      { Dockerfile: "", "requirements.txt": "" },
      "PROJECT_UNSUPPORTED",
      "Dockerfile",
      "-f requirements.txt",
    ],
    [
      "pdm.lock",
      { "pdm.lock": "", "pyproject.toml": app },
      "PROJECT_UNSUPPORTED",
      "pdm.lock is a PDM lock",
      "pdm export",
    ],
    [
      "pixi.lock",
      { "pixi.lock": "", "pixi.toml": "" },
      "PROJECT_UNSUPPORTED",
      "pixi.lock",
      "requirements.txt",
    ],
    [
      "pixi.toml",
      { "pixi.toml": "" },
      "PROJECT_UNSUPPORTED",
      "pixi.toml is a pixi project",
      "requirements.txt",
    ],
    ["Pipfile", { Pipfile: "" }, "PROJECT_UNSUPPORTED", "Pipfile", "pipenv"],
    ["Pipfile.lock", { "Pipfile.lock": "{}" }, "PROJECT_UNSUPPORTED", "Pipfile.lock", "pipenv requirements"],
    [
      "environment.yml",
      { "environment.yml": "" },
      "PROJECT_UNSUPPORTED",
      "environment.yml is a conda environment",
      "requirements.txt",
    ],
    [
      "setup.py",
      { "setup.py": "raise SystemExit('ran')" },
      "PROJECT_UNSUPPORTED",
      "only known by running setup.py",
      "pyproject.toml",
    ],
    ["package.json", { "package.json": "{}" }, "PROJECT_UNSUPPORTED", "a Node project", "cambium.yaml"],
    [
      "Poetry without lock",
      { "pyproject.toml": "[tool.poetry.dependencies]\n" },
      "PROJECT_UNSUPPORTED",
      "no poetry.lock",
      "poetry lock",
    ],
    ["uv.lock alone", { "uv.lock": "" }, "PROJECT_UNSUPPORTED", "uv.lock stands without its pyproject.toml"],
    [
      "several pylocks",
      { "pylock.a.toml": "", "pylock.b.toml": "" },
      "PROJECT_AMBIGUOUS",
      "pylock.a.toml, pylock.b.toml",
      "-f pylock.a.toml",
    ],
    [
      "several scripts",
      { "a.py": script(""), "b.py": script("") },
      "PROJECT_AMBIGUOUS",
      "a.py, b.py",
      "cambium build a.py",
    ],
    ["nothing", {}, "PROJECT_UNKNOWN", "nothing to build in [folder]: found no files", "requirements.txt"],
    ["something else", { "README.md": "", "lib.py": "" }, "PROJECT_UNKNOWN", "found README.md, lib.py"],
    ["broken TOML", { "pyproject.toml": "[project]\nname = \n" }, "TOML_SYNTAX", "pyproject.toml:2:"],
    [
      "a folder named requirements.txt",
      { "requirements.txt/": "", "pyproject.toml/": "" },
      "PROJECT_UNREADABLE",
      "pyproject.toml",
    ],
    [
      "Python 3.7",
      { "requirements.txt": "", ".python-version": "3.7" },
      "PYTHON_UNAVAILABLE",
      '"3.7" (.python-version)',
      "--base",
    ],
    [
      "a wrong requires-python",
      { "pyproject.toml": `${app}requires-python = "3.11"` },
      "SPECIFIER_SYNTAX",
      "pyproject.toml: requires-python",
    ],
    [
      "a base that contradicts",
      {
        "cambium.yaml": "debian: bookworm\npython: pyproject.toml",
        "pyproject.toml": `${app}requires-python = ">=3.12"`,
      },
      "PYTHON_UNAVAILABLE",
      "bookworm was chosen",
    ],
  ];

  test.for(cases)("%s", async ([, tree, code, message, hint]) => {
    const error = await detected(tree).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(CambiumError);
    expect(error).toMatchObject({ code, exitCode: 2, message: expect.stringContaining(message) });
    if (hint !== undefined) expect((error as CambiumError).hint).toContain(hint);
  });

  test("a folder or file that is not there", async () => {
    await expect(detected({}, { path: "missing" })).rejects.toMatchObject({
      code: "CONTEXT_MISSING",
      exitCode: 2,
    });
    await expect(detected({}, { file: "missing.txt" })).rejects.toMatchObject({
      code: "PROJECT_FILE_MISSING",
      message: "no such file: missing.txt",
    });
  });
});
