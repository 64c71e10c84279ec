/**
 * Run inside a mount namespace: installs a project editably by computation, then asks Python and pip what they see.
 * Arguments: the pip wheel. Prints JSON.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { editableInstall } from "../../src/ecosystems/python/wheel/editable.ts";
import { layOutVenv, python, write } from "./in-namespace.ts";

const pip = join(process.argv[2]!, "pip");

layOutVenv();
const source = "import sys\n\ndef main():\n    print('ran with', sys.argv[1:])\n    return 3\n";
write({ type: "file", path: "opt/app/src/my_app/__init__.py", mode: 0o644, content: source });
const files = editableInstall(
  {
    name: "My.App",
    version: "1.0",
    description: "Ünïcode",
    requiresPython: ">=3.11",
    dependencies: [],
    optionalDependencies: { extra: ["absent>1; os_name == 'posix'"] },
    scripts: { "my-app": "my_app:main" },
    guiScripts: {},
    entryPoints: { "my.plugins": { one: "my_app:main" } },
  },
  { root: "/opt/app", roots: ["src"] },
);
for (const file of files) write(file);

const entryPoints =
  "import importlib.metadata as m; print([(e.name, e.load()(), ) for e in m.entry_points(group='my.plugins')])";
const script = (() => {
  try {
    return { code: 0, text: execFileSync("/opt/venv/bin/my-app", ["a", "b"], { encoding: "utf8" }) };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { code: status, text: stdout };
  }
})();
const seen = {
  imported: python("-c", "import my_app; print(my_app.__file__)").trim(),
  script,
  plugins: python("-c", entryPoints).trim().split("\n").at(-1),
  check: python(pip, "check").trim(),
  list: JSON.parse(python(pip, "list", "--format=json", "--disable-pip-version-check")),
  inspect: JSON.parse(python(pip, "inspect")).installed[0],
};
python(pip, "uninstall", "--yes", "--quiet", "my-app");
const left = files.filter((file) => existsSync(join("/", file.path))).map((file) => file.path);
process.stdout.write(JSON.stringify({ ...seen, left }));
