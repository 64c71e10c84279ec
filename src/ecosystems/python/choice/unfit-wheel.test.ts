import { describe, expect, test } from "vitest";
import { AMD64, ARM64 } from "../../../../tests/support/images.ts";
import { digestOf } from "../../../layer/digest.ts";
import { parseProjectName } from "../name.ts";
import { wantedRequirement } from "../requirements/wanted.ts";
import type { PythonTarget } from "../target.ts";
import type { MissingWheel } from "./missing-wheel.ts";
import { assertWheelsFit, unfitWheels } from "./unfit-wheel.ts";
import type { UniversalDistribution } from "./universal-lock.ts";

const bookworm: PythonTarget = { version: "3.11.2", platform: AMD64, glibc: [2, 36] };
const trixie: PythonTarget = { version: "3.13.5", platform: ARM64, glibc: [2, 41] };
const archive = (filename: string) => ({ filename, sha256: digestOf(filename) });

function missing(
  filenames: readonly string[],
  target = bookworm,
  more: Partial<UniversalDistribution> = {},
): MissingWheel {
  const name = parseProjectName("a", "test");
  const distribution = { name, version: "1", wheels: filenames.map(archive), ...more };
  return { distribution, target, where: "uv.lock" };
}

describe("a wheel that was given is refused", () => {
  test.for<readonly [string, string, string, string, PythonTarget?]>([
    ["another Python's", "a-1-cp312-cp312-manylinux_2_17_x86_64.whl", "BASE_PYTHON", "only for CPython 3.12"],
    [
      "another Python's, whatever its machine",
      "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
      "BASE_PYTHON",
      "only for CPython 3.11",
      trixie,
    ],
    [
      "a newer glibc's",
      "a-1-cp311-cp311-manylinux_2_39_x86_64.whl",
      "BASE_LIBC_VERSION",
      "needs glibc 2.39, the target has 2.36",
    ],
    [
      "the oldest of its tags",
      "a-1-cp311-cp311-manylinux_2_39_x86_64.manylinux_2_38_x86_64.whl",
      "BASE_LIBC_VERSION",
      "needs glibc 2.38, the target has 2.36",
    ],
    [
      "an old name for a newer glibc",
      "a-1-cp311-cp311-manylinux2014_x86_64.whl",
      "BASE_LIBC_VERSION",
      "needs glibc 2.17, the target has 2.12",
      { ...bookworm, glibc: [2, 12] },
    ],
    ["musl's", "a-1-cp311-cp311-musllinux_1_2_x86_64.whl", "BASE_LIBC", "only for musl"],
    ["another machine's", "a-1-cp311-cp311-manylinux_2_17_aarch64.whl", "BASE_MACHINE", "only for aarch64"],
    ["another system's", "a-1-cp311-cp311-win_amd64.whl", "BASE_PLATFORM", "only for Windows"],
    [
      "one without the GIL",
      "a-1-cp313-cp313t-manylinux2014_aarch64.whl",
      "BASE_ABI",
      "only for free-threaded Python",
      trixie,
    ],
  ])("%s", ([, filename, code, reason, target = bookworm]) => {
    expect(unfitWheels([missing([filename], target)], "base example/python:1")).toMatchObject({
      code,
      message: expect.stringContaining(`cannot take ${filename}: ${reason}`),
      hint: expect.any(String),
    });
  });
});

test("all of them in one message, with what the base has, and not a thousand of them", () => {
  const wheels = Array.from({ length: 10 }, (_, i) =>
    missing([`a${i}-1-cp312-cp312-manylinux_2_17_x86_64.whl`]),
  );
  expect(unfitWheels(wheels, "base example/python:1")?.message).toMatch(
    /^uv\.lock: base example\/python:1 \(Python 3\.11\.2, glibc 2\.36, linux\/amd64\) cannot take a0-1-.*a7-1-.*; and 2 more$/,
  );
});

test("a release of which there is another file, or none, or one that is no wheel, was not given", () => {
  const only = "a-1-cp311-cp311-win_amd64.whl";
  const given = missing([only]);
  expect(unfitWheels([given], "base")).toBeDefined();
  for (const other of [
    missing([only, "a-1-cp311-cp311-win32.whl"]),
    missing([only], bookworm, { sdist: archive("a-1.tar.gz") }),
    missing([], bookworm, { needsBuild: "directory ../a" }),
    missing([]),
    missing(["setup.exe"]),
  ]) {
    expect(unfitWheels([given, other], "base")).toBeUndefined();
  }
});

test("a requirement that is a wheel by path or URL is refused too, where its marker holds", () => {
  const filename = "a-1-cp312-cp312-manylinux_2_17_x86_64.whl";
  const assertFit = (text: string) =>
    assertWheelsFit([wantedRequirement(text, "requirements.txt:1", [])], bookworm, "base b:1");
  for (const url of [`file:///srv/${filename}`, `https://files.example/${filename}#sha256=0`]) {
    expect(() => assertFit(`a @ ${url}`)).toThrow(
      expect.objectContaining({
        code: "BASE_PYTHON",
        message: `requirements.txt:1: base b:1 (Python 3.11.2, glibc 2.36, linux/amd64) cannot take ${filename}: only for CPython 3.12`,
      }),
    );
    assertFit(`a @ ${url} ; python_version == '3.12'`);
  }
  assertFit("a @ file:///srv/a-1-cp311-cp311-manylinux_2_17_x86_64.whl");
  assertFit("a @ https://files.example/a-1.tar.gz");
  assertFit("a==1");
});
