import { expect, test } from "vitest";
import { familiarReference, formatReference, parseReference, withDefaultTag } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.for([
  ["app", "docker.io/library/app", "app"],
  ["app:1.2", "docker.io/library/app:1.2", "app:1.2"],
  ["team/app", "docker.io/team/app", "team/app"],
  ["docker.io/app", "docker.io/library/app", "app"],
  ["index.docker.io/team/app:x", "docker.io/team/app:x", "team/app:x"],
  ["localhost/app", "localhost/app", "localhost/app"],
  ["localhost:5000/x:tag", "localhost:5000/x:tag", "localhost:5000/x:tag"],
  [`localhost:5000/x:tag@${digest}`, `localhost:5000/x:tag@${digest}`, `localhost:5000/x:tag@${digest}`],
  ["[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"],
  ["registry.example/a/b-c/d__e.f", "registry.example/a/b-c/d__e.f", "registry.example/a/b-c/d__e.f"],
  ["UPPER/app", "UPPER/app", "UPPER/app"],
])("%s means %s", ([text, full, familiar]) => {
  const reference = parseReference(text!, "--tag");
  expect(formatReference(reference)).toBe(full);
  expect(familiarReference(reference)).toBe(familiar);
  expect(parseReference(familiar!, "--tag")).toEqual(reference);
});

test("latest is added only where neither tag nor digest is", () => {
  expect(withDefaultTag(parseReference("app", "t")).tag).toBe("latest");
  expect(withDefaultTag(parseReference(`app@${digest}`, "t")).tag).toBeUndefined();
  expect(withDefaultTag(parseReference("app:1", "t")).tag).toBe("1");
});

test.for([
  ["", "empty"],
  [":tag", "empty"],
  ["App", "lower case"],
  ["a//b", "repository name"],
  ["a..b", "repository name"],
  ["app:", "not a tag"],
  ["app:-x", "not a tag"],
  [`app:${"t".repeat(129)}`, "not a tag"],
  ["app@sha256:abc", "digest"],
  ["app@md5:abc", "digest"],
  ["a".repeat(64), "image id"],
  ["-bad.example/app", "registry host"],
  ["user:secret@registry.example/app", "digest"],
  [`registry.example/${"a/".repeat(130)}b`, "longer than 255"],
])("%j is refused: %s", ([text, problem]) => {
  expect(() => parseReference(text!, "--tag")).toThrow(
    expect.objectContaining({
      code: "REFERENCE_SYNTAX",
      exitCode: 2,
      message: expect.stringContaining(problem!),
    }),
  );
});
