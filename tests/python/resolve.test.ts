import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { defaultIndexSettings } from "../../src/ecosystems/python/index/index-settings.ts";
import { readIndexSettings } from "../../src/ecosystems/python/index/read-index-settings.ts";
import { readRequirementsFile } from "../../src/ecosystems/python/requirements/requirements-file.ts";
import { wantedRequirement } from "../../src/ecosystems/python/requirements/wanted.ts";
import {
  type ResolveRequest,
  type ResolveResult,
  resolvePython,
} from "../../src/ecosystems/python/resolve.ts";
import type { PythonTarget } from "../../src/ecosystems/python/target.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { tinySdist, tinyWheel } from "../support/distributions.ts";
import { type PythonIndex, startPythonIndex } from "../support/python-index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { resolveTools } from "../support/uv.ts";

const amd64: PythonTarget = {
  version: "3.11.2",
  platform: { os: "linux", architecture: "amd64" },
  glibc: [2, 36],
};
const arm64: PythonTarget = { ...amd64, platform: { os: "linux", architecture: "arm64" } };

const old = "cp311-cp311-manylinux_2_17_x86_64";

/** Writes `requirements` to a file and resolves it against `index`, as a build does. */
async function resolve(
  folder: { readonly path: string; at(...parts: string[]): string },
  index: Pick<PythonIndex, "url">,
  requirements: string,
  request: Partial<ResolveRequest> = {},
): Promise<ResolveResult> {
  writeFileSync(folder.at("requirements.txt"), requirements);
  const tools = await resolveTools(folder.at("store"));
  const place = { env: tools.env, contextDir: folder.path, systemDir: "/nowhere" };
  const file = await readRequirementsFile(folder.at("requirements.txt"), place);
  const read = { ...place, inputLayers: [file.layer], indexUrl: index.url, extraIndexUrls: [] };
  const { settings, credentials } = await readIndexSettings(read);
  return resolvePython(
    { wanted: file.wanted, targets: [amd64], upgrade: false, index: settings, ...request },
    { ...tools, credentials },
  );
}

const chosen = ({ lock }: ResolveResult) =>
  lock.distributions.map(({ name, version }) => `${name} ${version}`);

test("what can be met is met, with the files and digests of the index", async () => {
  using folder = temporaryFolder();
  const wheel = tinyWheel({ name: "one", version: "1.5", requires: ["two>=2 ; python_version < '3.12'"] });
  await using index = await startPythonIndex([
    wheel,
    tinyWheel({ name: "one", version: "2.0" }),
    tinyWheel({ name: "two", version: "2.1" }),
  ]);
  const result = await resolve(folder, index, "one<2\n");
  expect(chosen(result)).toEqual(["one 1.5", "two 2.1"]);
  expect(result.lock.distributions[0]!.wheels[0]).toMatchObject({
    filename: wheel.filename,
    url: `${index.origin}/files/${wheel.filename}`,
  });
  expect(result.notices).toEqual([]);
});

test("an unsatisfiable requirement fails with uv's own reasons", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([
    tinyWheel({ name: "one", version: "1.0", requires: ["two>=3"] }),
    tinyWheel({ name: "two", version: "2.0" }),
  ]);
  await expect(resolve(folder, index, "one\n")).rejects.toMatchObject({
    code: "RESOLUTION_FAILED",
    exitCode: 1,
    message: expect.stringMatching(/only two<=2\.0 is available|only the following versions of two|two>=3/),
  });
});

test("the code of a source distribution never runs", async () => {
  using folder = temporaryFolder();
  const canary = folder.at("canary");
  const code = `open(${JSON.stringify(canary)}, "w").write("ran")\n`;
  await using index = await startPythonIndex([tinySdist("danger", "1.0", code)]);
  const failed = resolve(folder, index, "danger\n");
  await failed.catch(() => undefined);
  expect(existsSync(canary)).toBe(false);
  await expect(failed).rejects.toMatchObject({
    code: "RESOLUTION_FAILED",
    message: expect.stringContaining("danger==1.0 has no usable wheels"),
    hint: expect.stringContaining("builds nothing"),
  });
});

test.for([
  ["a newer glibc", tinyWheel({ name: "late", version: "2.0", tag: "cp311-cp311-manylinux_2_39_x86_64" })],
  [
    "another Python only",
    tinyWheel({ name: "late", version: "2.0", tag: "cp312-cp312-manylinux_2_17_x86_64" }),
  ],
  ["Windows only", tinyWheel({ name: "late", version: "2.0", tag: "cp311-cp311-win_amd64" })],
  ["no wheel at all", tinySdist("late", "2.0", "raise SystemExit(1)\n")],
] as const)("an older version is taken and told when the newest is for %s", async ([_, newest]) => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([newest, tinyWheel({ name: "late", version: "1.0", tag: old })]);
  const result = await resolve(folder, index, "late\n");
  expect(chosen(result)).toEqual(["late 1.0"]);
  expect(result.notices).toEqual([
    "late 1.0 instead of 2.0, which has no wheel for CPython 3.11 on linux/amd64 (glibc 2.36)",
  ]);
});

test("a newest version that is made for another Python is no news", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([
    tinyWheel({
      name: "late",
      version: "2.0",
      tag: "cp312-cp312-manylinux_2_17_x86_64",
      requiresPython: ">=3.12",
    }),
    tinyWheel({ name: "late", version: "1.0", tag: old }),
  ]);
  const result = await resolve(folder, index, "late\n");
  expect(chosen(result)).toEqual(["late 1.0"]);
  expect(result.notices).toEqual([]);
});

test("adding a requirement leaves the earlier choices alone, until an upgrade is asked for", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([
    tinyWheel({ name: "numbers", version: "1.0" }),
    tinyWheel({ name: "frames", version: "1.0", requires: ["numbers"] }),
    tinyWheel({ name: "six", version: "1.17" }),
  ]);
  const { lock } = await resolve(folder, index, "frames\n");
  index.add(tinyWheel({ name: "numbers", version: "2.0" }), tinyWheel({ name: "frames", version: "2.0" }));
  const more = { preferences: lock };
  expect(chosen(await resolve(folder, index, "frames\nsix\n", more))).toEqual([
    "frames 1.0",
    "numbers 1.0",
    "six 1.17",
  ]);
  const one = { ...more, upgrade: ["numbers"] };
  expect(chosen(await resolve(folder, index, "frames\nsix\n", one))).toEqual([
    "frames 1.0",
    "numbers 2.0",
    "six 1.17",
  ]);
  const all = { ...more, upgrade: true };
  expect(chosen(await resolve(folder, index, "frames\nsix\n", all))).toEqual(["frames 2.0", "six 1.17"]);
});

test("one lock serves both architectures, each with what it can have", async () => {
  using folder = temporaryFolder();
  const arm = "cp311-cp311-manylinux_2_17_aarch64";
  await using index = await startPythonIndex([
    tinyWheel({ name: "both", version: "1.0", tag: old }),
    tinyWheel({ name: "both", version: "1.0", tag: arm }),
    tinyWheel({ name: "slow", version: "1.0", tag: old }),
    tinyWheel({ name: "slow", version: "1.0", tag: arm }),
    tinyWheel({ name: "slow", version: "2.0", tag: old }),
    tinyWheel({ name: "intel", version: "1.0" }),
  ]);
  const lines = "both\nslow\nintel ; platform_machine == 'x86_64'\n";
  const { lock, notices } = await resolve(folder, index, lines, { targets: [amd64, arm64] });
  expect(lock.distributions.map(({ name, version, marker }) => [name, version, marker])).toEqual([
    ["both", "1.0", undefined],
    ["intel", "1.0", "platform_machine == 'x86_64'"],
    ["slow", "1.0", "platform_machine == 'aarch64'"],
    ["slow", "2.0", "platform_machine == 'x86_64'"],
  ]);
  expect(lock.distributions[0]!.wheels).toHaveLength(2);
  expect(lock.environments).toHaveLength(2);
  expect(notices).toEqual([
    "slow 1.0 instead of 2.0, which has no wheel for CPython 3.11 on linux/arm64 (glibc 2.36)",
  ]);
});

test("an optional target that cannot be resolved costs a notice, not the lock", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([tinyWheel({ name: "intel", version: "1.0", tag: old })]);
  const { lock, notices } = await resolve(folder, index, "intel\n", { optionalTargets: [arm64] });
  expect(lock.environments).toHaveLength(1);
  expect(notices).toEqual([expect.stringContaining("nothing for CPython 3.11 on linux/arm64")]);
});

test("--hash lines stand in the lock, and one for every distribution is required", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([
    tinyWheel({ name: "one", version: "1.0", requires: ["two"] }),
    tinyWheel({ name: "two", version: "1.0" }),
  ]);
  const hash = `sha256:${"a".repeat(64)}`;
  const pinned = `one==1.0 --hash=${hash}\n`;
  await expect(resolve(folder, index, pinned)).rejects.toMatchObject({
    code: "HASH_MISSING",
    message: expect.stringContaining("two==1.0"),
  });
  const { lock } = await resolve(folder, index, `${pinned}two==1.0 --hash=${hash}\n`);
  expect(lock.distributions.map(({ allowedHashes }) => allowedHashes)).toEqual([[hash], [hash]]);
  await expect(resolve(folder, index, `${pinned}two --hash=${hash}\n`)).rejects.toMatchObject({
    code: "HASH_UNPINNED",
  });
});

test("the first index that has a name is the only one asked for it", async () => {
  using folder = temporaryFolder();
  await using stranger = await startPythonIndex([tinyWheel({ name: "internal", version: "99.0" })]);
  await using own = await startPythonIndex([tinyWheel({ name: "internal", version: "1.0" })]);
  const result = await resolve(folder, stranger, `--extra-index-url ${own.url}\ninternal\n`);
  expect(chosen(result)).toEqual(["internal 1.0"]);
});

test("a direct URL of a wheel is locked with its digest and recorded", async () => {
  using folder = temporaryFolder();
  const wheel = tinyWheel({ name: "direct", version: "1.0" });
  await using index = await startPythonIndex([wheel]);
  const url = `${index.origin}/files/${wheel.filename}`;
  const { lock } = await resolve(folder, index, `direct @ ${url}\n`);
  expect(lock.distributions[0]).toMatchObject({ name: "direct", version: "1.0", directUrl: { url } });
  expect(lock.distributions[0]!.wheels[0]!.url).toBe(url);
});

test("find-links folders give paths", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([]);
  const wheel = tinyWheel({ name: "nearby", version: "1.0" });
  writeFileSync(folder.at(wheel.filename), wheel.bytes);
  const { lock } = await resolve(folder, index, "--no-index\n--find-links .\nnearby\n");
  expect(lock.distributions[0]!.wheels[0]).toMatchObject({ path: folder.at(wheel.filename) });
  expect(readFileSync(lock.distributions[0]!.wheels[0]!.path!)).toEqual(wheel.bytes);
});

test("a yanked version is taken only when pinned, and told", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([
    tinyWheel({ name: "pulled", version: "1.0" }),
    tinyWheel({ name: "pulled", version: "2.0", isYanked: true }),
  ]);
  expect(chosen(await resolve(folder, index, "pulled\n"))).toEqual(["pulled 1.0"]);
  const result = await resolve(folder, index, "pulled==2.0\n");
  expect(chosen(result)).toEqual(["pulled 2.0"]);
  expect(result.notices).toEqual([expect.stringContaining("yanked")]);
});

test("an index without digests gives a lock with them all the same", async () => {
  using folder = temporaryFolder();
  const wheel = tinyWheel({ name: "one", version: "1.0" });
  await using index = await startPythonIndex([wheel], { hasHashes: false });
  const { lock } = await resolve(folder, index, "one\n");
  expect(lock.distributions[0]!.wheels[0]!.sha256).toBe(digestOf(wheel.bytes));
});

test("prereleases, a constraint and an override are settings like any other", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([
    ...["1.0", "2.0", "3.0b1"].map((version) => tinyWheel({ name: "one", version, requires: ["two<2"] })),
    ...["1.0", "2.0"].map((version) => tinyWheel({ name: "two", version })),
  ]);
  expect(chosen(await resolve(folder, index, "one\n"))).toEqual(["one 2.0", "two 1.0"]);
  expect(chosen(await resolve(folder, index, "--pre\none\n"))).toEqual(["one 3.0b1", "two 1.0"]);
  writeFileSync(folder.at("limits.txt"), "one<2\n");
  expect(chosen(await resolve(folder, index, "-c limits.txt\none\n"))).toEqual(["one 1.0", "two 1.0"]);
  writeFileSync(folder.at("uv.toml"), 'override-dependencies = ["two>=2"]\n');
  expect(chosen(await resolve(folder, index, "one\n"))).toEqual(["one 2.0", "two 2.0"]);
});

test("a base whose Python the project refuses is told before anything is asked", async () => {
  using folder = temporaryFolder();
  await using index = await startPythonIndex([]);
  const wanted = { requirements: [], constraints: [], overrides: [], requiresPython: ">=3.12" };
  await expect(resolve(folder, index, "one\n", { wanted })).rejects.toMatchObject({
    code: "REQUIRES_PYTHON",
  });
  expect(index.log).toEqual([]);
});

test("an index that is down is named, with the way out", async () => {
  using folder = temporaryFolder();
  const failed = resolve(folder, { url: "http://127.0.0.1:9/simple/" }, "one\n");
  await expect(failed).rejects.toMatchObject({
    code: "INDEX_UNREACHABLE",
    exitCode: 3,
    message: expect.stringContaining("127.0.0.1:9"),
    hint: expect.stringContaining("proxy"),
  });
});

test("an aborted resolution ends with the reason given and leaves no folder", async () => {
  using folder = temporaryFolder();
  const tools = await resolveTools(folder.at("store"));
  const controller = new AbortController();
  const wanted = { requirements: [wantedRequirement("one", "test", [])], constraints: [], overrides: [] };
  const request = { wanted, targets: [amd64], upgrade: false, index: defaultIndexSettings };
  const running = resolvePython(request, { ...tools, signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
  expect(existsSync(folder.at("store", "tmp")) ? readdirSync(folder.at("store", "tmp")) : []).toEqual([]);
});
