import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { errorIn } from "../support/command.ts";
import { tinyWheel } from "../support/distributions.ts";
import { type Behaviour, startFaultyServer } from "../support/faulty-server.ts";
import { digestIn, lockedWheel, pylockFiles, requirementsFiles, workplace } from "../support/project.ts";
import { expectFailure, type Reference, startReference } from "../support/reference.ts";
import { wheel } from "../support/wheel.ts";
import "../support/in-memory.ts";

const filename = "demo-1.0-py3-none-any.whl";
/** Does not deflate, so that there is something to cut. */
const bytes = wheel({ "demo/data.bin": randomBytes(200_000) });
/** Discard's port; nobody listens there on a loopback interface. */
const nobody = "http://127.0.0.1:9";

let reference: Reference;
let wanted = "";

beforeAll(async () => {
  reference = await startReference();
  using place = await workplace();
  const url = reference.server.serve(`/good/${filename}`, bytes);
  wanted = digestIn(
    await place.build(place.project("app", await pylockFiles([lockedWheel("demo", url, bytes)]))),
  );
});
afterAll(async () => {
  await reference[Symbol.asyncDispose]();
});

/** Builds with a wheel whose server behaves as told, for its first, second, … request. */
async function buildFrom(folder: string, behaviours: readonly Behaviour[]) {
  using place = await workplace();
  const { server } = reference;
  const url = server.serve(`/${folder}/${filename}`, bytes, ...behaviours);
  const project = place.project("app", await pylockFiles([lockedWheel("demo", url, bytes)]));
  const ran = await place.build(project);
  if (ran.exitCode !== 0) await reference.expectUnharmed(place);
  return { ran, url, requests: server.requests(`/${folder}/${filename}`) };
}

test("a download that is cut goes on where it ended, twice", async () => {
  const etag = { headers: { etag: '"one"' } };
  const { ran, requests } = await buildFrom("cut", [
    { cutAfter: 30_000, ...etag },
    { cutAfter: 20_000, ...etag },
    etag,
  ]);
  expect(digestIn(ran)).toBe(wanted);
  const ranges = requests.map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0));
  expect(ranges[0]).toBe(0);
  expect(ranges[1]).toBeGreaterThan(0);
  expect(ranges[2]).toBeGreaterThan(ranges[1] ?? 0);
  expect(ranges).toHaveLength(3);
});

test("a server without ranges sends the whole again", async () => {
  const { ran, requests } = await buildFrom("whole", [{ cutAfter: 30_000 }, { ignoreRange: true }]);
  expect(digestIn(ran)).toBe(wanted);
  expect(requests).toHaveLength(2);
});

test("a slow server is waited for", async () => {
  const { ran, requests } = await buildFrom("slow", [{ drip: { bytes: 20_000, pauseMs: 40 } }]);
  expect(digestIn(ran)).toBe(wanted);
  expect(requests).toHaveLength(1);
});

test("429 with Retry-After: asked again after that time, and told", async () => {
  const { ran, requests } = await buildFrom("busy", [{ status: 429, headers: { "retry-after": "2" } }]);
  expect(digestIn(ran)).toBe(wanted);
  expect(requests).toHaveLength(2);
  expect(ran.seconds).toBeGreaterThan(2);
  expect(ran.stderr).toMatch(/HTTP 429.*2\.0 s|HTTP 429.*2 s/);
});

test("404: asked once, named with address and way out", async () => {
  const { ran, url, requests } = await buildFrom("gone", [{ status: 404 }]);
  expectFailure(ran, {
    exitCode: 1,
    code: "FETCH_NOT_FOUND",
    quotes: [filename, "HTTP 404", url],
    hint: /^hint: Check the address or the version/m,
  });
  expect(requests).toHaveLength(1);
});

test("a server that always fails: six attempts, then named", async () => {
  const { ran, url, requests } = await buildFrom(
    "broken",
    Array.from({ length: 9 }, (): Behaviour => ({ status: 503, headers: { "retry-after": "0" } })),
  );
  expectFailure(ran, {
    exitCode: 3,
    code: "FETCH_FAILED",
    quotes: [filename, "HTTP 503", url],
    hint: /^hint: The server has trouble/m,
  });
  expect(requests).toHaveLength(6);
});

test("nobody listens where a lock says: named", async () => {
  using place = await workplace();
  const url = `${nobody}/${filename}`;
  const ran = await place.build(place.project("app", await pylockFiles([lockedWheel("demo", url, bytes)])));
  expectFailure(ran, {
    exitCode: 3,
    code: "FETCH_UNREACHABLE",
    quotes: [filename, "ECONNREFUSED", url],
    hint: /^hint: Check the network/m,
  });
  await reference.expectUnharmed(place);
});

test("a login page instead of a wheel is refused with both sizes", async () => {
  const { ran } = await buildFrom(
    "portal",
    Array.from({ length: 3 }, (): Behaviour => ({ body: "<html>please log in</html>" })),
  );
  expect(errorIn(ran)).toMatch(/^error\[SIZE_INVALID\]: demo-1\.0-py3-none-any\.whl: got 26 of \d+ bytes/);
});

test("an index that nobody serves: named with its address", { timeout: 60_000 }, async () => {
  using place = await workplace();
  const project = place.project("app", await requirementsFiles("alpha\n"));
  expectFailure(await place.build(project, ["--default-index", `${nobody}/simple/`]), {
    exitCode: 3,
    code: "INDEX_UNREACHABLE",
    quotes: [`${nobody}/simple/alpha/`],
    hint: /^hint: Check the index's address/m,
  });
  await reference.expectUnharmed(place);
});

test.for([
  { name: "429 with Retry-After", first: { status: 429, headers: { "retry-after": "1" } } },
  { name: "503", first: { status: 503 } },
  { name: "a page that is cut", first: { cutAfter: 40 } },
  { name: "a slow page", first: { drip: { bytes: 40, pauseMs: 100 } } },
] satisfies { name: string; first: Behaviour }[])(
  "an index with $name at first is asked until it answers",
  async ({ first }) => {
    using place = await workplace();
    await using server = await startFaultyServer();
    const alpha = tinyWheel({ name: "alpha", version: "1.0" });
    const url = server.serve(`/files/${alpha.filename}`, alpha.bytes);
    const html = { headers: { "content-type": "text/html" } };
    server.serve(
      "/simple/alpha/",
      `<!DOCTYPE html><html><body><a href="${url}">${alpha.filename}</a></body></html>`,
      { ...html, ...first, headers: { ...html.headers, ...("headers" in first ? first.headers : {}) } },
      html,
      html,
      html,
    );
    const project = place.project("app", await requirementsFiles("alpha\n"));
    const ran = await place.build(project, ["--default-index", `${server.url}/simple/`]);
    digestIn(ran);
    const isSlow = "drip" in first;
    expect(server.requests("/simple/alpha/").length).toBeGreaterThanOrEqual(isSlow ? 1 : 2);
  },
);

test("an index that answers 404 for a project: named", async () => {
  using place = await workplace();
  await using server = await startFaultyServer();
  const project = place.project("app", await requirementsFiles("alpha\n"));
  expectFailure(await place.build(project, ["--default-index", `${server.url}/simple/`]), {
    exitCode: 1,
    code: "RESOLUTION_FAILED",
    quotes: ["alpha was not found"],
    hint: /^hint: \S/m,
  });
  await reference.expectUnharmed(place);
});
