import { expect, test } from "vitest";
import { CambiumError, usageError } from "../errors.ts";
import { errorDocument, errorLines } from "./error-lines.ts";
import { noStyle } from "./style.ts";

test("a known error: code, message, causes, hints; no stack", () => {
  const cut = new CambiumError("DOWNLOAD_CUT", "wheel: 3 of 9 bytes", {
    cause: new Error("ECONNRESET"),
    hint: "Try again.",
  });
  const error = usageError("LOCK_STALE", "uv.lock: older than pyproject.toml", "Run uv lock.", cut);
  expect(errorLines(error, noStyle)).toEqual([
    "error[LOCK_STALE]: uv.lock: older than pyproject.toml",
    "  caused by: DOWNLOAD_CUT: wheel: 3 of 9 bytes",
    "  caused by: ECONNRESET",
    "hint: Run uv lock.",
    "hint: Try again.",
  ]);
});

test("an unknown error: its stack, and the wish to hear of it", () => {
  const lines = errorLines(new TypeError("x is undefined"), noStyle);
  expect(lines[0]).toMatch(/^error\[UNEXPECTED\]: TypeError: x is undefined\n {4}at /);
  expect(lines.at(-1)).toMatch(/Please report it/);
});

test("anything can be thrown", () => {
  for (const thrown of ["text", undefined, null, 7]) {
    expect(errorLines(thrown, noStyle)[0]).toBe(`error[UNEXPECTED]: ${thrown}`);
    expect(errorDocument(thrown)).toMatchObject({ code: "UNEXPECTED", message: String(thrown), exitCode: 1 });
  }
});

test("causes that go in circles end", () => {
  const error = new CambiumError("A_B", "outer");
  const inner = new Error("inner", { cause: error });
  Object.defineProperty(error, "cause", { value: inner });
  expect(errorLines(error, noStyle).length).toBeLessThanOrEqual(4);
});

test("a message cannot steer the terminal", () => {
  const lines = errorLines(
    new CambiumError("NAME_SYNTAX", "bad name: \u001b]0;title\u0007\u001b[31m"),
    noStyle,
  );
  expect(lines.join("")).not.toContain("\u001b");
});
