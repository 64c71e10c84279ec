import { describe, expect, test } from "vitest";
import { AMD64, ARM64 } from "../../../../tests/support/images.ts";
import { assertTakes, misfitsOn, type PythonBase } from "./fit.ts";

const bookworm: PythonBase = {
  where: "base example/python:3.11",
  platform: AMD64,
  python: { version: "3.11", isFreeThreaded: false },
  libc: { kind: "glibc", version: [2, 36] },
  libraries: new Set(["libc.so.6", "libm.so.6", "libz.so.1"]),
};
const alpine: PythonBase = { ...bookworm, libc: { kind: "musl", version: [1, 2] } };
const threaded: PythonBase = { ...bookworm, python: { version: "3.13", isFreeThreaded: true } };

const codesOn = (base: PythonBase, ...filenames: string[]) =>
  misfitsOn(
    base,
    filenames.map((filename) => ({ filename })),
  ).map(({ code }) => code);

describe("a base takes", () => {
  test.for<readonly [string, PythonBase, string]>([
    ["pure Python", bookworm, "six-1.17.0-py2.py3-none-any.whl"],
    [
      "its own ABI on an older glibc",
      bookworm,
      "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    ],
    ["a stable ABI of an older Python", bookworm, "cryptography-43.0.0-cp39-abi3-manylinux_2_28_x86_64.whl"],
    [
      "another machine's, where it is that machine",
      { ...bookworm, platform: ARM64 },
      "a-1-cp311-cp311-manylinux_2_17_aarch64.whl",
    ],
    ["musl's wheels on musl", alpine, "numpy-2.1.0-cp311-cp311-musllinux_1_2_x86_64.whl"],
    ["an older musl's", alpine, "numpy-2.1.0-cp311-cp311-musllinux_1_1_x86_64.whl"],
    ["pure Python on musl", alpine, "six-1.17.0-py3-none-any.whl"],
    ["free-threaded wheels", threaded, "numpy-2.1.0-cp313-cp313t-manylinux_2_17_x86_64.whl"],
    ["pure Python, where no libc is known", { ...bookworm, libc: undefined }, "six-1.17.0-py3-none-any.whl"],
  ])("%s", ([, base, filename]) => {
    expect(codesOn(base, filename)).toEqual([]);
  });
});

describe("a base refuses", () => {
  test.for<readonly [string, PythonBase, string, string, string]>([
    [
      "another Python's ABI",
      { ...bookworm, python: { version: "3.13", isFreeThreaded: false } },
      "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
      "BASE_PYTHON",
      "only for CPython 3.11",
    ],
    [
      "a newer glibc's",
      bookworm,
      "numpy-2.1.0-cp311-cp311-manylinux_2_39_x86_64.whl",
      "BASE_LIBC_VERSION",
      "needs glibc 2.39, the target has 2.36",
    ],
    [
      "glibc's on an old one by its old name",
      { ...bookworm, libc: { kind: "glibc", version: [2, 12] } },
      "a-1-cp311-cp311-manylinux2014_x86_64.whl",
      "BASE_LIBC_VERSION",
      "needs glibc 2.17, the target has 2.12",
    ],
    [
      "glibc's on musl",
      alpine,
      "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
      "BASE_LIBC",
      "only for glibc",
    ],
    [
      "musl's on glibc",
      bookworm,
      "numpy-2.1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
      "BASE_LIBC",
      "only for musl",
    ],
    [
      "a newer musl's",
      { ...alpine, libc: { kind: "musl", version: [1, 1] } },
      "a-1-cp311-cp311-musllinux_1_2_x86_64.whl",
      "BASE_LIBC_VERSION",
      "needs musl 1.2, the target has 1.1",
    ],
    [
      "compiled wheels of a libc whose version is unknown",
      { ...bookworm, libc: { kind: "glibc", version: undefined } },
      "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
      "BASE_LIBC_VERSION",
      "needs glibc 2.17, the target does not tell its version",
    ],
    [
      "compiled wheels without a libc",
      { ...bookworm, libc: undefined },
      "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
      "BASE_LIBC",
      "only for glibc",
    ],
    [
      "another machine's",
      bookworm,
      "a-1-cp311-cp311-manylinux_2_17_aarch64.whl",
      "BASE_MACHINE",
      "only for aarch64",
    ],
    ["another system's", bookworm, "a-1-cp311-cp311-win_amd64.whl", "BASE_PLATFORM", "only for Windows"],
    [
      "free-threaded wheels with the GIL",
      bookworm,
      "a-1-cp311-cp311t-manylinux_2_17_x86_64.whl",
      "BASE_ABI",
      "only for free-threaded Python",
    ],
    [
      "a stable ABI without the GIL",
      threaded,
      "a-1-cp39-abi3-manylinux_2_17_x86_64.whl",
      "BASE_ABI",
      "only for ABI abi3",
    ],
  ])("%s", ([, base, filename, code, reason]) => {
    expect(misfitsOn(base, [{ filename }])).toEqual([{ code, filename, reason }]);
    expect(() => assertTakes(base, [{ filename }])).toThrow(
      expect.objectContaining({
        code,
        message: expect.stringContaining(`${filename}: ${reason}`),
        hint: expect.any(String),
      }),
    );
  });

  test("libraries that neither it nor any wheel of the set has, by name", () => {
    const one = { filename: "a-1-py3-none-any.whl", needed: ["libc.so.6", "libgomp.so.1", "libb-1a2b.so.3"] };
    const other = { filename: "b-1-py3-none-any.whl", provided: ["libb-1a2b.so.3"] };
    expect(misfitsOn(bookworm, [one, other])).toEqual([
      { code: "BASE_LIBRARY", filename: one.filename, reason: "needs libgomp.so.1" },
    ]);
    const larger = { ...bookworm, libraries: new Set([...bookworm.libraries, "libgomp.so.1"]) };
    expect(misfitsOn(larger, [one, other])).toEqual([]);
  });

  test("all wheels that do not fit in one message, with the base's own facts, and not a thousand of them", () => {
    const wheels = Array.from({ length: 10 }, (_, i) => ({
      filename: `a${i}-1-cp312-cp312-manylinux_2_17_x86_64.whl`,
    }));
    const fitting = { filename: "six-1.17.0-py3-none-any.whl" };
    expect(() => assertTakes(bookworm, [fitting, ...wheels])).toThrow(
      /^base example\/python:3.11 \(Python 3.11, glibc 2.36, linux\/amd64\) cannot take a0-1-.*a7-1-.*; and 2 more$/,
    );
    expect(() => assertTakes(bookworm, [fitting])).not.toThrow();
  });
});
