import fc from "fast-check";
import { expect, test } from "vitest";
import { type EditablePlace, type EditableProject, editableInstall } from "./editable.ts";

const SITE = "opt/venv/lib/python3/site-packages";

const plain: EditableProject = {
  name: "My.App",
  version: "1.0",
  dependencies: [],
  optionalDependencies: {},
  scripts: {},
  guiScripts: {},
  entryPoints: {},
};

function installed(project: Partial<EditableProject>, place: Partial<EditablePlace> = {}) {
  const files = editableInstall({ ...plain, ...project }, { root: "/app", roots: [""], ...place });
  return new Map(files.map((file) => [file.path, file.type === "file" ? file.content : file.type]));
}

test("a flat project is its own path, under the escaped name and the normal version", () => {
  const files = installed({ version: "1.0-RC1" });
  expect([...files.keys()]).toEqual(
    [
      "__editable__.my_app-1.0rc1.pth",
      "my_app-1.0rc1.dist-info/INSTALLER",
      "my_app-1.0rc1.dist-info/METADATA",
      "my_app-1.0rc1.dist-info/REQUESTED",
      "my_app-1.0rc1.dist-info/WHEEL",
      "my_app-1.0rc1.dist-info/direct_url.json",
      "my_app-1.0rc1.dist-info/RECORD",
    ].map((path) => `${SITE}/${path}`),
  );
  expect(files.get(`${SITE}/__editable__.my_app-1.0rc1.pth`)).toBe("/app\n");
  expect(files.get(`${SITE}/my_app-1.0rc1.dist-info/METADATA`)).toBe(
    "Metadata-Version: 2.1\nName: My.App\nVersion: 1.0rc1\n",
  );
});

test.each([
  [["src"], "/app", "/app/src\n"],
  [["src", "lib/python"], "/app", "/app/src\n/app/lib/python\n"],
  [[""], "/srv/é x/", "/srv/é x\n"],
  [[""], "/", "/\n"],
])("import packages in %j of %s give %j", (roots, root, content) => {
  expect(installed({}, { root, roots }).get(`${SITE}/__editable__.my_app-1.0.pth`)).toBe(content);
});

test("direct_url.json says editable, with the place as a URL", () => {
  expect(installed({}, { root: "/srv/é x" }).get(`${SITE}/my_app-1.0.dist-info/direct_url.json`)).toBe(
    '{"dir_info": {"editable": true}, "url": "file:///srv/%C3%A9%20x"}',
  );
});

test("scripts are made and declared", () => {
  const files = installed({
    scripts: { demo: "my_app.cli:main" },
    guiScripts: { window: "my_app.gui:App.run" },
    entryPoints: { "my_app.plugins": { b: "my_app.b", a: "my_app.a:Plugin" } },
  });
  expect(files.get("opt/venv/bin/demo")).toMatch(
    /^#!\/opt\/venv\/bin\/python\nimport sys\nfrom my_app\.cli import main\n/,
  );
  expect(files.get("opt/venv/bin/window")).toContain("sys.exit(App.run())");
  expect(files.get(`${SITE}/my_app-1.0.dist-info/entry_points.txt`)).toBe(
    [
      "[console_scripts]\ndemo = my_app.cli:main\n",
      "[gui_scripts]\nwindow = my_app.gui:App.run\n",
      "[my_app.plugins]\na = my_app.a:Plugin\nb = my_app.b\n",
    ].join("\n"),
  );
  expect(files.get(`${SITE}/my_app-1.0.dist-info/RECORD`)).toContain("../../../bin/demo,sha256=");
});

test("dependencies and extras are metadata, an extra's with its condition", () => {
  const files = installed({
    description: "An app",
    requiresPython: ">=3.11",
    dependencies: ["requests>=2", "tomli; python_version < '3.11'"],
    optionalDependencies: {
      Test_All: [
        "pytest",
        "tox ; python_version < '3.12' or os_name == 'nt'",
        "a @ https://files.example/a;b.whl",
        "b @ https://files.example/b.whl ; os_name == 'posix'",
      ],
    },
  });
  expect(files.get(`${SITE}/my_app-1.0.dist-info/METADATA`)).toBe(`Metadata-Version: 2.1
Name: My.App
Version: 1.0
Summary: An app
Requires-Python: >=3.11
Requires-Dist: requests>=2
Requires-Dist: tomli; python_version < '3.11'
Provides-Extra: test-all
Requires-Dist: pytest; extra == "test-all"
Requires-Dist: tox; (python_version < '3.12' or os_name == 'nt') and extra == "test-all"
Requires-Dist: a @ https://files.example/a;b.whl ; extra == "test-all"
Requires-Dist: b @ https://files.example/b.whl ; os_name == 'posix' and extra == "test-all"
`);
});

test.each<[string, Partial<EditableProject>, Partial<EditablePlace>, string, string]>([
  ["a version that is none", { version: "next" }, {}, "PROJECT_FIELD", 'project.version is "next"'],
  ["a name that is none", { name: "my app" }, {}, "PROJECT_NAME", 'not a project name: "my app"'],
  ["a relative place", {}, { root: "app" }, "PROJECT_FIELD", '"app"'],
  ["a place with a line break", {}, { root: "/app\nimport os" }, "PROJECT_FIELD", "workdir"],
  ["a folder with a line break", {}, { roots: ["a\nimport os"] }, "PROJECT_FIELD", "package folder"],
  ["a description of two lines", { description: "a\nName: b" }, {}, "PROJECT_FIELD", "project.description"],
  [
    "a dependency of two lines",
    { dependencies: ["a\nName: b"] },
    {},
    "PROJECT_FIELD",
    "project.dependencies",
  ],
  ["a script without function", { scripts: { x: "y" } }, {}, "WHEEL_ENTRY_POINT", '"x = y"'],
  ["a script elsewhere", { scripts: { "../x": "y:z" } }, {}, "WHEEL_ENTRY_POINT", "outside"],
  [
    "a script with a line break",
    { scripts: { x: "y:z\n[gui_scripts]" } },
    {},
    "PROJECT_FIELD",
    "project.scripts",
  ],
  [
    "scripts as a group",
    { entryPoints: { console_scripts: { x: "y:z" } } },
    {},
    "PROJECT_FIELD",
    '"console_scripts"',
  ],
  ["a group with a bracket", { entryPoints: { "a]": { x: "y" } } }, {}, "PROJECT_FIELD", '"a]"'],
  ["an entry with '='", { entryPoints: { a: { "x=y": "z" } } }, {}, "PROJECT_FIELD", '"x=y"'],
  ["an extra that is no name", { optionalDependencies: { "a b": [] } }, {}, "PROJECT_NAME", '"a b"'],
])("%s is refused, naming field and value", (_, project, place, code, message) => {
  expect(() => installed(project, place)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

test("whatever the metadata, RECORD names every file but itself with a digest", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
  const scripts = fc.dictionary(name, fc.constant("pkg.mod:run"), { maxKeys: 3 });
  fc.assert(
    fc.property(
      scripts,
      fc.dictionary(name, scripts, { maxKeys: 2 }),
      fc.string(),
      (own, entryPoints, text) => {
        const description = text.replace(/[\r\n\0]/g, " ");
        const files = installed({ scripts: own, entryPoints, description });
        const record = files.get(`${SITE}/my_app-1.0.dist-info/RECORD`) as string;
        const rows = record.trimEnd().split("\r\n");
        expect(rows).toHaveLength(files.size);
        expect(rows.filter((row) => row.endsWith(",,"))).toEqual(["my_app-1.0.dist-info/RECORD,,"]);
      },
    ),
  );
});
