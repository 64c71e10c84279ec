import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { fetchPip, namespaceCommand, pipWheel, wheelPath } from "./corpus.ts";

type Seen = {
  readonly imported: string;
  readonly script: { readonly code: number; readonly text: string };
  readonly plugins: string;
  readonly check: string;
  readonly list: readonly unknown[];
  readonly inspect: Readonly<Record<string, unknown>> & {
    readonly metadata: Readonly<Record<string, unknown>>;
  };
  readonly left: readonly string[];
};

let seen: Seen;

beforeAll(async () => {
  await fetchPip();
  const script = join(import.meta.dirname, "editable-in-namespace.ts");
  const [command, ...args] = namespaceCommand(process.execPath, script, wheelPath(pipWheel));
  seen = JSON.parse(execFileSync(command!, args, { encoding: "utf8" }));
});

test("Python imports the project from where its files are", () => {
  expect(seen.imported).toBe("/opt/app/src/my_app/__init__.py");
});

test("its script runs with the venv's interpreter and passes arguments and exit code", () => {
  expect(seen.script).toEqual({ code: 3, text: "ran with ['a', 'b']\n" });
});

test("its entry points are found and load", () => {
  expect(seen.plugins).toBe("[('one', 3)]");
});

test("pip sees a sound editable install at that place", () => {
  expect(seen.check).toBe("No broken requirements found.");
  expect(seen.list).toEqual([{ name: "My.App", version: "1.0", editable_project_location: "/opt/app" }]);
  expect(seen.inspect).toMatchObject({ installer: "cambium", requested: true });
  expect(seen.inspect.metadata).toMatchObject({
    summary: "Ünïcode",
    requires_python: ">=3.11",
    provides_extra: ["extra"],
    requires_dist: ["absent>1; os_name == 'posix' and extra == \"extra\""],
  });
});

test("pip uninstall removes every file of it", () => {
  expect(seen.left).toEqual([]);
});
