import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readIndexSettings } from "../../src/ecosystems/python/index/read-index-settings.ts";
import type { ChosenWheel } from "../../src/ecosystems/python/lock.ts";
import { parseProjectName } from "../../src/ecosystems/python/name.ts";
import type { PythonTarget } from "../../src/ecosystems/python/target.ts";
import { locateArchives } from "../../src/ecosystems/python/uv/locate.ts";
import { nearestWithWheel } from "../../src/ecosystems/python/uv/nearest.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { type DistributionFile, tinyWheel } from "../support/distributions.ts";
import { type PythonIndexOptions, startPythonIndex } from "../support/python-index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { resolveTools } from "../support/uv.ts";

const target: PythonTarget = {
  version: "3.11.2",
  platform: { os: "linux", architecture: "amd64" },
  glibc: [2, 36],
};
const old = "cp311-cp311-manylinux_2_17_x86_64";

const chosen = (file: DistributionFile, index?: string): ChosenWheel => {
  const [name, version] = file.filename.split("-") as [string, string];
  const wheel = { filename: file.filename, sha256: digestOf(file.bytes) };
  return { name: parseProjectName(name, "test"), version, wheel, ...(index === undefined ? {} : { index }) };
};

async function opened(folder: string, indexUrl: string) {
  const tools = await resolveTools(folder);
  const read = {
    env: tools.env,
    contextDir: folder,
    systemDir: "/nowhere",
    inputLayers: [],
    indexUrl,
    extraIndexUrls: [],
  };
  const { settings, credentials } = await readIndexSettings(read);
  return { settings, tools: { ...tools, credentials } };
}

test.for<[string, PythonIndexOptions]>([
  ["HTML", {}],
  ["HTML without digests", { hasHashes: false }],
  ["JSON", { format: "json" }],
  ["JSON without sizes", { format: "json", hasSizes: false }],
])("files are found by name in an index of %s", async ([_, options]) => {
  using folder = temporaryFolder();
  const pure = tinyWheel({ name: "pure", version: "1.0", requires: ["absent"] });
  const native = tinyWheel({ name: "native", version: "2.0", tag: old });
  const newer = tinyWheel({ name: "native", version: "3.0", tag: old });
  await using index = await startPythonIndex([pure, native, newer], options);
  const { settings, tools } = await opened(folder.path, index.url);
  const places = await locateArchives([chosen(pure), chosen(native)], settings, tools);
  const size =
    options.format === "json" && options.hasSizes !== false ? { sizeBytes: native.bytes.length } : {};
  expect(places.get(native.filename)).toEqual({ url: `${index.origin}/files/${native.filename}`, ...size });
  expect(places.size).toBe(2);
});

test("another file under the same name is refused", async () => {
  using folder = temporaryFolder();
  const locked = tinyWheel({ name: "pure", version: "1.0" });
  await using index = await startPythonIndex([
    tinyWheel({ name: "pure", version: "1.0", requires: ["evil"] }),
  ]);
  const { settings, tools } = await opened(folder.path, index.url);
  await expect(locateArchives([chosen(locked)], settings, tools)).rejects.toMatchObject({
    code: "DIGEST_INVALID",
    message: expect.stringContaining(digestOf(locked.bytes)),
  });
});

test("a file that no index has is named", async () => {
  using folder = temporaryFolder();
  const locked = tinyWheel({ name: "native", version: "1.0", tag: old });
  await using index = await startPythonIndex([tinyWheel({ name: "native", version: "1.0" })]);
  const { settings, tools } = await opened(folder.path, index.url);
  await expect(locateArchives([chosen(locked)], settings, tools)).rejects.toMatchObject({
    code: "ARCHIVE_UNLOCATED",
    message: expect.stringContaining(locked.filename),
  });
});

test("the index that a lock names is the one asked", async () => {
  using folder = temporaryFolder();
  const own = tinyWheel({ name: "internal", version: "1.0" });
  await using stranger = await startPythonIndex([
    tinyWheel({ name: "internal", version: "1.0", requires: ["evil"] }),
  ]);
  await using index = await startPythonIndex([own]);
  const { settings, tools } = await opened(folder.path, stranger.url);
  const places = await locateArchives([chosen(own, index.url)], settings, tools);
  expect(places.get(own.filename)!.url).toContain(index.origin);
  expect(stranger.log).toEqual([]);
});

test("a folder of links is a place too", async () => {
  using folder = temporaryFolder();
  const wheel = tinyWheel({ name: "nearby", version: "1.0" });
  writeFileSync(folder.at(wheel.filename), wheel.bytes);
  const tools = await resolveTools(folder.at("store"), { PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder.path });
  const read = {
    env: tools.env,
    contextDir: folder.path,
    systemDir: "/nowhere",
    inputLayers: [],
    extraIndexUrls: [],
  };
  const { settings } = await readIndexSettings(read);
  const places = await locateArchives([chosen(wheel)], settings, tools);
  await using index = await startPythonIndex(folder.path);
  const served = await fetch(`${index.origin}/files/${wheel.filename}`);
  expect(Buffer.from(await served.arrayBuffer())).toEqual(wheel.bytes);
  expect(places.get(wheel.filename)).toEqual({ url: `file://${folder.at(wheel.filename)}` });
});

test("the nearest versions with a wheel are those for the target, newest first", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([
    tinyWheel({ name: "late", version: "9.0", tag: "cp312-cp312-win_amd64" }),
    ...["1.0", "2.0", "2.1", "3.0"].map((version) =>
      tinyWheel({ name: "late", version, tag: old, requires: ["absent"] }),
    ),
    tinyWheel({ name: "never", version: "1.0", tag: "cp312-cp312-win_amd64" }),
  ]);
  const { settings, tools } = await opened(folder.path, index.url);
  expect(await nearestWithWheel(parseProjectName("late", "test"), target, settings, tools)).toEqual([
    "3.0",
    "2.1",
    "2.0",
  ]);
  expect(await nearestWithWheel(parseProjectName("never", "test"), target, settings, tools)).toEqual([]);
  expect(await nearestWithWheel(parseProjectName("unheard", "test"), target, settings, tools)).toEqual([]);
});
