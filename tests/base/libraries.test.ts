import { afterAll, beforeAll, expect, test } from "vitest";
import { SegmentStore } from "../../src/store/segments.ts";
import { type FaultyServer, startFaultyServer } from "../support/faulty-server.ts";
import { digestIn, lockedWheel, pylockFiles, type Workplace, workplace } from "../support/project.ts";
import { expectFailure } from "../support/reference.ts";
import { binaryWheel } from "../support/registry-bases.ts";

const amd64 = ["--platform", "linux/amd64"];
const graphics = binaryWheel("graphics", {
  "graphics/graphics.abi3.so": { needed: ["libGL.so.1", "libz.so.1", "libcuda.so.1", "libc.so.6"] },
});
const refusal = {
  exitCode: 1,
  code: "BASE_LIBRARY",
  quotes: ["the computed Debian", `for linux/amd64 cannot take ${graphics.filename}: needs libGL.so.1\n`],
  hint: /^hint: .*apt:/m,
};

let server: FaultyServer;
let files: Record<string, string>;

beforeAll(async () => {
  server = await startFaultyServer();
  const url = server.serve(`/${graphics.filename}`, graphics.bytes);
  files = await pylockFiles([lockedWheel("graphics", url, graphics.bytes)]);
});
afterAll(() => server[Symbol.asyncDispose]());

test("on the computed base a library that no package has is named; its other packages' are there", async () => {
  using place = await workplace();
  expectFailure(await place.build(place.project("app", files), amd64), refusal);
});

test("a library among the project's own files counts", async () => {
  using place = await workplace();
  const own = {
    "libGL.so.1": "\x7fELF",
    "cambium.yaml": files["cambium.yaml"]!.replace("app.py\n", "[app.py, libGL.so.1]\n"),
  };
  const project = place.project("app", { ...files, ...own });
  const ran = await place.build(project, amd64);
  digestIn(ran);
  expect(ran.stderr).not.toContain("warning");
});

test("a wheel of which an earlier Cambium kept no reading is not judged", async () => {
  using place = await workplace();
  const project = place.project("app", files);
  expectFailure(await place.build(project, amd64), refusal);
  expect(forgetSharedObjects(place)).toBe(1);
  digestIn(await place.build(project, amd64));
});

/** Makes the store's segments what they were before; counts those that told something. */
function forgetSharedObjects(place: Workplace): number {
  const segments = new SegmentStore(place.store);
  let count = 0;
  for (const id of [...segments.list()]) {
    const { sharedObjects = [], ...rest } = segments.get(id)!;
    if (sharedObjects.length === 0) continue;
    segments.put(rest);
    count += 1;
  }
  return count;
}
