import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { detectProject } from "./detect.ts";

const examples = join(import.meta.dirname, "../../../examples");

test("flask-app needs no configuration", async () => {
  const { kind, definition, notices } = await detectProject(join(examples, "flask-app"));
  expect(kind).toBe("requirements");
  expect(definition.base).toMatchObject({ suite: "trixie" });
  expect(definition.config.cmd).toEqual(["python", "app.py"]);
  expect(notices).toEqual([]);
});

test("flask-app pins every distribution and hashes every file, and names no host", () => {
  const text = readFileSync(join(examples, "flask-app/requirements.txt"), "utf8");
  const requirements = text.replaceAll("\\\n", "").trim().split("\n");
  for (const line of requirements) expect(line).toMatch(/^[a-z0-9-]+==[\d.]+ .*--hash=sha256:[0-9a-f]{64}$/);
  expect(text).not.toContain("://");
});

test("yaml is valid and makes its user", async () => {
  const { kind, definition } = await detectProject(join(examples, "yaml"));
  expect(kind).toBe("spec");
  expect(definition.users).toEqual([{ name: "writer" }]);
  expect(definition.files).toMatchObject([
    { sources: ["render.py"] },
    { sources: ["pages/*.md"], chmod: 0o444 },
  ]);
});
