import { afterAll, beforeAll, expect, test } from "vitest";
import { errorIn, type Ran } from "../support/command.ts";
import { type FaultyServer, startFaultyServer } from "../support/faulty-server.ts";
import { digestIn, lockedWheel, pylockFiles, sha256Of, workplace } from "../support/project.ts";
import { illnessesOf } from "../support/store-health.ts";
import { brokenWheels, goodWheel } from "./broken-wheels.ts";

const filename = "demo-1.0-py3-none-any.whl";

let server: FaultyServer;
/** What the good wheel's project gives in a store that has seen no other. */
let wanted = "";

beforeAll(async () => {
  server = await startFaultyServer();
  using place = await workplace();
  wanted = digestIn(await place.build(place.project("app", await goodFiles("fresh"))));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function goodFiles(folder: string): Promise<Record<string, string>> {
  const url = server.serve(`/${folder}/${filename}`, goodWheel);
  return pylockFiles([lockedWheel("demo", url, goodWheel)]);
}

/** Builds a project that must fail, then the good one in the same store. */
async function failThenBuild(files: Record<string, string>, folder: string): Promise<Ran> {
  using place = await workplace();
  const ran = await place.build(place.project("broken", files));
  expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
  expect(illnessesOf(place.store)).toEqual([]);
  const repaired = await place.build(place.project("app", await goodFiles(`${folder}-good`)));
  expect(digestIn(repaired)).toBe(wanted);
  return ran;
}

test.for(brokenWheels)("$name is refused by name, and the store stays well", async (broken) => {
  const folder = broken.name.replaceAll(/\W+/g, "-");
  const url = server.serve(`/${folder}/${filename}`, broken.bytes);
  const ran = await failThenBuild(await pylockFiles([lockedWheel("demo", url, broken.bytes)]), folder);
  const [what = "", ...rest] = errorIn(ran).split("\n");
  expect(what).toContain(`error[${broken.code}]: ${filename}: `);
  expect(what).toContain(broken.quotes);
  expect(rest.join("\n")).toMatch(/^hint: \S/m);
});

test("a wheel that arrives shorter than its lock says is refused with both sizes", async () => {
  const half = goodWheel.subarray(0, 400);
  const url = server.serve(`/short/${filename}`, half);
  const ran = await failThenBuild(await pylockFiles([lockedWheel("demo", url, goodWheel)]), "short");
  expect(errorIn(ran)).toMatch(
    new RegExp(`^error\\[SIZE_INVALID\\]: ${filename}: got 400 of ${goodWheel.length} bytes: ${url}\nhint: `),
  );
});

test("a wheel with other bytes than its lock says is fetched twice and refused with both digests", async () => {
  const other = Buffer.from(goodWheel);
  other[100]! ^= 1;
  const url = server.serve(`/other/${filename}`, other);
  const ran = await failThenBuild(await pylockFiles([lockedWheel("demo", url, goodWheel)]), "other");
  const error = errorIn(ran);
  expect(error).toContain(`error[DIGEST_INVALID]: ${filename}: want sha256:${sha256Of(goodWheel)}`);
  expect(error).toContain(`got sha256:${sha256Of(other)}`);
  expect(error).toMatch(/^hint: .*lock again/m);
  expect(server.requests(`/other/${filename}`)).toHaveLength(2);
});

test("a digest that stands for no file of the index is refused with the digest", async () => {
  const absent = sha256Of("no such file");
  const lock = { ...lockedWheel("demo", server.serve(`/absent/${filename}`, goodWheel), goodWheel) };
  const ran = await failThenBuild(await pylockFiles([{ ...lock, sha256: absent }]), "absent");
  expect(errorIn(ran)).toContain(`want sha256:${absent}`);
});
