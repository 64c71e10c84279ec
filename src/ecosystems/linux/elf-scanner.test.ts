import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ElfFields, elfOf } from "../../../tests/support/elf.ts";
import { readElf } from "./elf.ts";
import { ElfScanner } from "./elf-scanner.ts";

const KB = 1024;

/** Gives a file to a scanner in chunks of these sizes, in turns, as often as it asks; counts how often. */
function scan(bytes: Uint8Array, sizes: readonly number[]) {
  const scanner = new ElfScanner(bytes.length);
  const pass = (end: number) => {
    for (let at = 0, i = 0; at < end; i++) {
      const size = sizes[i % sizes.length]!;
      scanner.update(bytes.slice(at, Math.min(at + size, end)));
      at += size;
    }
  };
  pass(bytes.length);
  let looks = 0;
  for (let end = scanner.lookAgain(); end !== undefined; end = scanner.lookAgain()) {
    pass(end);
    looks += 1;
  }
  return { found: scanner.found, looks };
}

const name = fc.string({ unit: fc.constantFrom(..."abc.so123-_"), minLength: 1, maxLength: 40 });
const fields: fc.Arbitrary<ElfFields> = fc.record(
  {
    machine: fc.constantFrom(62, 183, 3),
    soname: name,
    needed: fc.array(name, { maxLength: 5 }),
    runpath: name,
    gaps: fc.tuple(fc.nat(400 * KB), fc.nat(400 * KB)),
    isPatched: fc.boolean(),
  },
  { requiredKeys: [], noNullPrototype: true },
);
const chunks = fc.array(fc.integer({ min: 1, max: 200 * KB }), { minLength: 1, maxLength: 4 });

test("in whatever chunks a file comes, the reading is that of the whole file", () => {
  fc.assert(
    fc.property(
      fields,
      fc.array(fc.integer({ min: 512, max: 200 * KB }), { minLength: 1 }),
      (file, sizes) => {
        const bytes = elfOf(file);
        const found = readElf(bytes);
        expect(found?.needed).toEqual(file.needed ?? []);
        expect(scan(bytes, sizes).found).toEqual(found);
      },
    ),
    { numRuns: 60 },
  );
});

test("hostile numbers anywhere give the reading of the whole file, or none, after three further looks at most", () => {
  const numbers = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(0n, 1n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
    fc.bigInt({ min: 0n, max: 2048n }),
  );
  const edits = fc.array(fc.tuple(fc.nat(), numbers), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fields, edits, chunks, fc.nat(), ({ gaps: _, ...file }, changes, sizes, cut) => {
      const bytes = elfOf(file);
      // On what is read as a number most of the time, and anywhere.
      for (const [at, value] of changes) {
        bytes.writeBigUInt64LE(value, (at % 2 === 0 ? at & ~7 : at) % (bytes.length - 8));
      }
      const whole = bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length);
      const { found, looks } = scan(whole, sizes);
      expect(found).toEqual(readElf(whole));
      expect(looks).toBeLessThanOrEqual(3);
    }),
    { numRuns: 2000 },
  );
});

test("a table of 65,535 headers, a section of 2^40 bytes and a thousand names too many are not known", () => {
  const huge = elfOf({ needed: ["libc.so.6"] });
  huge.writeUInt16LE(0xffff, 56);
  expect(scan(huge, [64]).found).toBeUndefined();
  const section = elfOf({ needed: ["libc.so.6"] });
  section.writeBigUInt64LE(2n ** 40n, 64 + 56 + 32);
  expect(scan(section, [64]).found).toBeUndefined();
  const names = elfOf({ needed: Array.from({ length: 2000 }, () => "libc.so.6") });
  expect(scan(names, [4096]).found).toBeUndefined();
});

test("a name of a megabyte is not known, and no further look is taken for it", () => {
  const bytes = elfOf({ soname: "x".repeat(1024 * KB) });
  expect(scan(bytes, [64 * KB])).toEqual({ found: undefined, looks: 0 });
});

test("strings near the start, and those that patchelf put at the end, cost no further look; others one", () => {
  const needed = ["libc.so.6"];
  const far = 600 * KB;
  const cases: readonly (readonly [ElfFields, number])[] = [
    [{ needed, gaps: [10 * KB, far] }, 0],
    [{ needed, gaps: [far, far], isPatched: true }, 0],
    [{ needed, gaps: [far, far] }, 1],
  ];
  for (const [file, looks] of cases) {
    const scanned = scan(elfOf(file), [64 * KB]);
    expect(scanned.looks).toBe(looks);
    expect(scanned.found?.needed).toEqual(needed);
  }
});

test("what would take a look at more than 128 MB is not known", () => {
  const start = elfOf({ needed: ["libc.so.6"] });
  const far = 200 << 20;
  // Its one load segment lies, it says, 200 MB further back in the file.
  start.writeBigUInt64LE(BigInt(far), 64 + 8);
  start.writeBigUInt64LE(BigInt(far * 2), 64 + 32);
  const scanner = new ElfScanner(far * 3);
  scanner.update(start);
  expect(scanner.lookAgain()).toBeUndefined();
  expect(scanner.found).toBeUndefined();
});

test("the program that runs this test, in chunks of a megabyte", () => {
  const bytes = readFileSync(process.execPath);
  const { found } = scan(bytes, [1024 * KB]);
  expect(found).toEqual(readElf(bytes));
  expect(found?.needed).toContain("libc.so.6");
});
