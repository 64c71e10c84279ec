import { expect, test } from "vitest";
import { assertOwnSyntax } from "./syntax.ts";

test.for([
  "FROM a",
  "# syntax=docker/dockerfile",
  "# syntax=docker/dockerfile:1",
  "# syntax=docker/dockerfile:1.7-labs",
  `# syntax = docker.io/docker/dockerfile:1@sha256:${"0".repeat(64)}`,
  "#syntax=docker/dockerfile-upstream:master",
  "#!/usr/bin/env buildx\n# syntax=docker/dockerfile:1",
  "# escape=`\n# syntax=docker/dockerfile:1 with words",
  "# comment\n# syntax=other/frontend",
  "FROM a\n# syntax=other/frontend",
  '{"syntax": 1}',
  "{",
])("%j is read here", (text) => {
  expect(() => assertOwnSyntax(text, "Dockerfile", undefined)).not.toThrow();
});

test.for([
  ["# syntax=other/frontend:1", 'Dockerfile:1:1: a frontend that cannot run here: "other/frontend:1"'],
  ["#!x\n# escape=`\n# syntax=o/f", 'Dockerfile:3:1: a frontend that cannot run here: "o/f"'],
  ["// syntax=o/f", 'Dockerfile:1:1: a frontend that cannot run here: "o/f"'],
  ['{"syntax": "o/f"}', 'Dockerfile:1:1: a frontend that cannot run here: "o/f"'],
  ["# syntax=registry.example/docker/dockerfile", expect.stringContaining("registry.example")],
] as const)("%j is refused", ([text, message]) => {
  expect(() => assertOwnSyntax(text, "Dockerfile", undefined)).toThrow(
    expect.objectContaining({ code: "DOCKERFILE_FRONTEND", message }),
  );
});

test("the build argument goes before the file", () => {
  expect(() => assertOwnSyntax("# syntax=o/f", "Dockerfile", "docker/dockerfile:1")).not.toThrow();
  expect(() => assertOwnSyntax("FROM a", "Dockerfile", "o/f")).toThrow("--build-arg BUILDKIT_SYNTAX");
});
