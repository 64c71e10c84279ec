import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { elfOf } from "../../../tests/support/elf.ts";
import { isElf, readElf } from "./elf.ts";

test("soname, needed libraries, folders and machine", () => {
  const bytes = elfOf({
    machine: 183,
    soname: "libx.so.1",
    needed: ["libc.so.6", "libm.so.6"],
    runpath: "$ORIGIN:/opt",
  });
  expect(readElf(bytes)).toEqual({
    architecture: "arm64",
    soname: "libx.so.1",
    needed: ["libc.so.6", "libm.so.6"],
    runpath: ["$ORIGIN", "/opt"],
    isDynamic: true,
    interpreter: undefined,
  });
});

test("the program that runs this test names its loader", () => {
  const elf = readElf(readFileSync(process.execPath));
  expect(elf?.needed).toContain("libc.so.6");
  expect(elf?.interpreter).toMatch(/\/ld-linux/);
});

test("what is no 64-bit little-endian ELF file is none", () => {
  expect(readElf(Buffer.from("#!/bin/sh\n"))).toBeUndefined();
  expect(isElf(Buffer.alloc(0))).toBe(false);
  const wide = elfOf({});
  wide[4] = 1;
  expect(readElf(wide)).toBeUndefined();
});

test("a file cut or changed anywhere gives a reading or nothing, never an exception", () => {
  const bytes = elfOf({ soname: "libx.so.1", needed: ["libc.so.6"] });
  for (let length = 0; length < bytes.length; length++) readElf(bytes.subarray(0, length));
  for (let at = 4; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = 0xff;
    readElf(changed);
  }
  expect(readElf(bytes.subarray(0, 70))).toBeUndefined();
});
