import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesFromText } from "../layer/raw-text.ts";
import { FOUND_FORMAT, formatFoundPaths, parseFoundPaths, paxTime } from "./found-paths.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cambium-found-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const find = () => execFileSync("find", [folder, "-printf", FOUND_FORMAT]);
const found = () => new Map(parseFoundPaths(find())?.map((one) => [one.path, one]));

describe("what find says", () => {
  test("is what stat says, whatever the names", () => {
    mkdirSync(join(folder, "d"));
    writeFileSync(join(folder, "d/new\nline"), "12345", { mode: 0o640 });
    linkSync(join(folder, "d/new\nline"), join(folder, "hard"));
    symlinkSync("d/new\nline", join(folder, "soft"));
    const bad = Buffer.concat([Buffer.from(`${folder}/bad`), Buffer.of(0xff)]);
    writeFileSync(bad, "");
    const paths = found();
    expect([...paths.keys()].sort()).toEqual(["", "bad\udcff", "d", "d/new\nline", "hard", "soft"]);
    const stats = lstatSync(join(folder, "hard"), { bigint: true });
    const { mtime, ...file } = paths.get("hard")!;
    expect(file).toMatchObject({ type: "f", size: 5, mode: 0o640, links: 2, target: "" });
    expect([file.inode, file.uid]).toEqual([String(stats.ino), Number(stats.uid)]);
    expect(mtime.replace(".", "")).toBe(String(stats.mtimeNs));
    expect(paths.get("d/new\nline")?.inode).toBe(file.inode);
    expect(paths.get("soft")).toMatchObject({ type: "l", target: "d/new\nline" });
    expect(bytesFromText("bad\udcff").equals(bad.subarray(folder.length + 1))).toBe(true);
  });

  test("is kept and read again as it is", () => {
    writeFileSync(join(folder, "a"), "a");
    symlinkSync("a", join(folder, "b"));
    const paths = parseFoundPaths(find())!;
    expect(parseFoundPaths(formatFoundPaths(paths))).toEqual(paths);
  });

  test("is nothing where it is cut off, or of another program", () => {
    writeFileSync(join(folder, "a"), "a");
    const whole = find();
    for (let length = 1; length < whole.length; length++) {
      const paths = parseFoundPaths(whole.subarray(0, length));
      // Cut between two paths it is a shorter list: that find ended well is asked elsewhere.
      if (paths !== undefined) expect(paths).toHaveLength(1);
    }
    expect(parseFoundPaths(Buffer.from("a\0x\0"))).toBeUndefined();
    expect(
      parseFoundPaths(Buffer.from("a\0f\0-1\x001.0\x001.0\x001\x00644\x000\x000\x001\0\0")),
    ).toBeUndefined();
  });
});

test.for([
  [1_700_000_000.5, "1700000000.500000000", "1700000000.500000000"],
  [-0.75, "-1.250000000", "-0.750000000"],
  [-147034494.5, "-147034495.500000000", "-147034494.500000000"],
  [-3, "-3.000000000", "-3.000000000"],
] as const)("the time %d is %s here and %s in a tar", ([seconds, here, inTar]) => {
  writeFileSync(join(folder, "a"), "");
  execFileSync("touch", ["-d", `@${seconds}`, join(folder, "a")]);
  expect(found().get("a")?.mtime).toBe(here);
  expect(paxTime(here)).toBe(inTar);
});
