import { expect, test } from "vitest";
import { formatBytes, formatDuration } from "./format.ts";
import { cellsOf, clip, pad, printable } from "./printable.ts";

test.for([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [999_949, "1.0 MB"],
  [99_949, "99.9 kB"],
  [99_951, "100 kB"],
  [123_456_789, "123 MB"],
  [3_800_000_000, "3.8 GB"],
] as const)("%i bytes read as %s", ([bytes, text]) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.for([
  [0, "0.00 s"],
  [-5, "0.00 s"],
  [120, "0.12 s"],
  [994, "0.99 s"],
  [996, "1.0 s"],
  [59_940, "59.9 s"],
  [59_960, "1 min 00 s"],
  [125_000, "2 min 05 s"],
] as const)("%i ms read as %s", ([ms, text]) => {
  expect(formatDuration(ms)).toBe(text);
});

test("text from outside cannot move the cursor, set colours, reverse a line or fake one", () => {
  expect(printable("a\u001b[2Jb\r\nerror\u202egnp.exe\u0007")).toBe(
    "a\\u{1b}[2Jb\\u{d}\\u{a}error\\u{202e}gnp.exe\\u{7}",
  );
  expect(printable("one\ntwo\u001b[m", { keepNewlines: true })).toBe("one\ntwo\\u{1b}[m");
});

test("cutting and filling count cells, not code units", () => {
  expect(cellsOf("日本語")).toBe(6);
  expect(cellsOf("e\u0301")).toBe(1);
  expect(clip("日本語", 5)).toBe("日本…");
  expect(clip("numpy", 0)).toBe("");
  expect(pad("numpy", 7)).toBe("numpy  ");
  expect(cellsOf(pad("日本語テキスト", 9))).toBe(9);
});
