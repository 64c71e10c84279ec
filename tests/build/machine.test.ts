import { mkdirSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { tinyWheel } from "../support/distributions.ts";
import {
  digestIn,
  lockedWheel,
  pylockFiles,
  requirementsFiles,
  type Workplace,
  workplace,
} from "../support/project.ts";
import { type PythonIndex, startPythonIndex } from "../support/python-index.ts";
import { expectFailure, type Reference, startReference } from "../support/reference.ts";
import { realUv } from "../support/uv.ts";

let index: PythonIndex;
let reference: Reference;
const alpha = tinyWheel({ name: "alpha", version: "1.0" });

beforeAll(async () => {
  index = await startPythonIndex([alpha]);
  reference = await startReference();
});
afterAll(async () => {
  await index[Symbol.asyncDispose]();
  await reference[Symbol.asyncDispose]();
});

/** A PATH with what the command's own script needs and nothing else. */
function barePath(place: Workplace, ...more: string[]): string {
  mkdirSync(place.at("bin"));
  for (const name of ["sh", "dirname", "readlink"]) symlinkSync(`/usr/bin/${name}`, place.at("bin", name));
  return [place.at("bin"), ...more].join(":");
}

test("without python, pip and uv a lock builds, and gives what it gives with them", async () => {
  using place = await workplace();
  const url = `${index.origin}/files/${alpha.filename}`;
  const project = place.project("app", await pylockFiles([lockedWheel("alpha", url, alpha.bytes)]));
  const bare = digestIn(await place.build(project, ["--locked"], { env: { PATH: barePath(place) } }));
  using other = await workplace();
  expect(digestIn(await other.build(project, ["--locked"]))).toBe(bare);
});

test("without python, pip and uv nothing is resolved: exit code 3 and the way out", async () => {
  using place = await workplace();
  const project = place.project("app", await requirementsFiles("alpha\n"));
  const ran = await place.build(project, ["--default-index", index.url], { env: { PATH: barePath(place) } });
  expectFailure(ran, {
    exitCode: 3,
    code: "UV_MISSING",
    quotes: ["neither uv nor pip is on PATH"],
    hint: /^hint: Install uv or pip .*cambium build --locked/m,
  });
  await reference.expectUnharmed(place);
});

test("with uv and no python the interpreter is Debian's, unpacked into the store, and gives the same", async () => {
  using place = await workplace();
  const uv = await realUv();
  const project = place.project("app", await requirementsFiles("alpha\n"));
  const args = ["--default-index", index.url];
  const path = barePath(place, dirname(uv.path));
  const ran = await place.build(project, args, { env: { PATH: path } });
  const digest = digestIn(ran);
  expect(ran.stderr).toContain("no Python on PATH: unpacking Debian's python3.11 into the store");
  using other = await workplace();
  expect(digestIn(await other.build(project, args))).toBe(digest);
  // The second time it is there.
  const again = await place.build(project, [...args, "--upgrade"], { env: { PATH: path } });
  expect(again).toMatchObject({ exitCode: 0 });
  expect(again.stderr).not.toContain("unpacking");
});

test("a checkout's command without PATH at all still says what it is", async () => {
  using place = await workplace();
  const ran = await place.build("/nonexistent", [], {
    env: { PATH: "/nonexistent" },
    command: [process.execPath, `${root}/src/cli/entry.ts`],
  });
  expect(ran.exitCode).toBe(2);
  expect(ran.stderr).toMatch(/^error\[CONTEXT_MISSING\]/m);
});
