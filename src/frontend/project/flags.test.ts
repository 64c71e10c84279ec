import { expect, test } from "vitest";
import { assertFlagsFit, type ProjectForm } from "./flags.ts";

test.for<[flag: string, form: ProjectForm, wayOut: RegExp]>([
  ["--target", "python", /-f/],
  ["--target", "spec", /-f/],
  ["--build-arg", "python", /-f/],
  ["--no-cache=STAGE", "spec", /--no-cache alone/],
  ["--base", "dockerfile", /FROM.*--build-context NAME=docker-image:/],
  ["--python", "dockerfile", /FROM/],
  ["--extra", "dockerfile", /installs/],
  ["--default-index", "dockerfile", /--secret/],
])("%s is refused for %s, with a way out", ([flag, form, wayOut]) => {
  expect(() => assertFlagsFit(["--platform", flag], form)).toThrow(
    expect.objectContaining({
      code: "FLAG_UNFIT",
      exitCode: 2,
      message: expect.stringContaining(flag),
      hint: expect.stringMatching(wayOut),
    }),
  );
});

test("what every project understands is let through, and each project's own", () => {
  const all = ["--platform", "--file", "--pull", "--locked", "--upgrade", "--tag"];
  for (const form of ["dockerfile", "spec", "python"] as const) assertFlagsFit(all, form);
  assertFlagsFit(["--target", "--secret", "--no-cache=STAGE"], "dockerfile");
  assertFlagsFit(["--base", "--extra"], "python");
});
