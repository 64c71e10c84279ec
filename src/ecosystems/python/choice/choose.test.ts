import { expect, test } from "vitest";
import { type Digest, digestOf } from "../../../layer/digest.ts";
import type { LockedArchive, NormalizedName } from "../lock.ts";
import type { PythonTarget } from "../target.ts";
import { chooseWheels } from "./choose.ts";
import type { UniversalDistribution } from "./universal-lock.ts";

const bookworm: PythonTarget = {
  version: "3.11.2",
  platform: { os: "linux", architecture: "amd64" },
  glibc: [2, 36],
};
const trixieArm: PythonTarget = {
  version: "3.13.5",
  platform: { os: "linux", architecture: "arm64" },
  glibc: [2, 41],
};
const NOTHING = { extras: [], groups: [] };

function archive(filename: string): LockedArchive {
  return { filename, sha256: digestOf(filename) };
}

function release(
  name: string,
  version: string,
  wheels: readonly string[],
  more: Partial<UniversalDistribution> = {},
): UniversalDistribution {
  return { name: name as NormalizedName, version, wheels: wheels.map(archive), ...more };
}

async function filenames(distributions: UniversalDistribution[], target = bookworm, context = NOTHING) {
  const { chosen } = await chooseWheels({ distributions }, target, context);
  return chosen.map(({ wheel }) => wheel.filename);
}

const NUMPY = [
  "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
  "numpy-2.1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
  "numpy-2.1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
  "numpy-2.1.0-cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
  "numpy-2.1.0-cp313-cp313t-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
  "numpy-2.1.0-cp311-cp311-win_amd64.whl",
];

test("each target gets its own best wheel of one lock, sorted by name", async () => {
  const lock = [release("numpy", "2.1.0", NUMPY), release("idna", "3.6", ["idna-3.6-py3-none-any.whl"])];
  expect(await filenames(lock)).toEqual(["idna-3.6-py3-none-any.whl", NUMPY[1]]);
  expect(await filenames(lock, trixieArm)).toEqual(["idna-3.6-py3-none-any.whl", NUMPY[3]]);
});

test("of two forks a target gets the one whose marker holds", async () => {
  const lock = [
    release("idna", "3.4", ["idna-3.4-py3-none-any.whl"], { marker: "python_version < '3.12'" }),
    release("idna", "3.6", ["idna-3.6-py3-none-any.whl"], { marker: "python_version >= '3.12'" }),
  ];
  expect(await filenames(lock)).toEqual(["idna-3.4-py3-none-any.whl"]);
  expect(await filenames(lock, trixieArm)).toEqual(["idna-3.6-py3-none-any.whl"]);
});

test("extras and groups turn releases on; without any asked for the default groups do", async () => {
  const distributions = [
    release("a", "1", ["a-1-py3-none-any.whl"], { marker: "'web' in extras" }),
    release("b", "1", ["b-1-py3-none-any.whl"], { marker: "'dev' in dependency_groups" }),
  ];
  const names = async (context: { extras: string[]; groups?: string[] }) => {
    const { chosen } = await chooseWheels({ distributions, defaultGroups: ["dev"] }, bookworm, context);
    return chosen.map(({ name }) => name as string);
  };
  expect(await names({ extras: ["WEB"] })).toEqual(["a", "b"]);
  expect(await names({ extras: [], groups: [] })).toEqual([]);
});

test("two releases of one name are an error with both versions and markers", async () => {
  const lock = [
    release("idna", "3.4", ["idna-3.4-py3-none-any.whl"], { marker: "python_version < '3.12'" }),
    release("idna", "3.6", ["idna-3.6-py3-none-any.whl"]),
  ];
  await expect(filenames(lock)).rejects.toMatchObject({
    code: "LOCK_AMBIGUOUS",
    message:
      "lock: two releases of idna for Python 3.11.2 on linux/amd64: 3.4 (python_version < '3.12') and 3.6 (always)",
  });
});

test("between equal tags the higher build wins, in any order of the lock", async () => {
  const builds = [
    "x-1-9-py3-none-any.whl",
    "x-1-10-py3-none-any.whl",
    "x-1-py3-none-any.whl",
    "x-1-10a-py3-none-any.whl",
  ];
  for (const wheels of [builds, builds.toReversed()]) {
    expect(await filenames([release("x", "1", wheels)])).toEqual(["x-1-10a-py3-none-any.whl"]);
  }
});

test("a demanded digest limits the choice", async () => {
  const lock = (allowedHashes: Digest[]) => [release("numpy", "2.1.0", NUMPY, { allowedHashes })];
  expect(await filenames(lock([digestOf(NUMPY[0]!), digestOf("other")]))).toEqual([NUMPY[0]]);
  await expect(filenames(lock([digestOf("other")]))).rejects.toMatchObject({
    code: "HASH_UNMATCHED",
    message: expect.stringContaining(digestOf("other")),
  });
  await expect(filenames(lock([digestOf(NUMPY[5]!)]))).rejects.toMatchObject({ code: "HASH_UNMATCHED" });
});

test("no wheel for the target is an error that says what there is", async () => {
  // With a second file there was something to choose.
  const sdist = archive("x-1.tar.gz");
  const message = async (
    wheels: string[],
    target = bookworm,
    more: Partial<UniversalDistribution> = { sdist },
  ) => {
    const failure = await filenames([release("x", "1", wheels, more)], target).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "WHEEL_MISSING" });
    return (failure as Error).message.replace(/^.*\(/, "").replace(/\)$/, "");
  };
  expect(await message(["x-1-cp311-cp311-manylinux_2_39_x86_64.whl"])).toBe(
    "needs glibc 2.39, the target has 2.36",
  );
  expect(await message(["x-1-cp312-cp312-manylinux_2_17_x86_64.whl"])).toBe("only for CPython 3.12");
  expect(await message(["x-1-cp311-cp311-manylinux2014_aarch64.whl"])).toBe("only for aarch64");
  expect(await message(["x-1-cp311-cp311-musllinux_1_2_x86_64.whl"])).toBe("only for musl");
  expect(await message(["x-1-cp311-cp311-win_amd64.whl"])).toBe("only for Windows");
  expect(await message(["x-1-cp311-cp311-macosx_11_0_arm64.whl"])).toBe("only for macOS");
  expect(await message(["x-1-cp313-cp313t-manylinux2014_aarch64.whl"], trixieArm)).toBe(
    "only for free-threaded Python",
  );
  expect(await message(["x-1-py2-none-any.whl"])).toBe("only for Python 2");
  expect(await message(["setup.exe"])).toBe("not a wheel's name: setup.exe");
  expect(await message([])).toBe("only a source distribution: x-1.tar.gz");
  expect(await message([], bookworm, { needsBuild: "directory ../lib" })).toBe(
    "a source tree: directory ../lib",
  );
  expect(await message([], bookworm, {})).toBe("no files at all");
});

test("the one wheel of a lock that the target cannot take is the base's fault, without a look for others", async () => {
  const distributions = [release("x", "1", ["x-1-cp312-cp312-manylinux_2_17_x86_64.whl"])];
  const nearestWithWheel = async () => expect.unreachable("nothing else can be chosen");
  await expect(
    chooseWheels({ distributions }, bookworm, NOTHING, { nearestWithWheel, base: "base b:1" }),
  ).rejects.toMatchObject({
    code: "BASE_PYTHON",
    message:
      "lock: base b:1 (Python 3.11.2, glibc 2.36, linux/amd64) cannot take x-1-cp312-cp312-manylinux_2_17_x86_64.whl: only for CPython 3.12",
  });
});

test("the error names every missing distribution, and the nearest versions that have a wheel", async () => {
  const distributions = [release("x", "1", []), release("y", "2.0", ["y-2.0-cp39-cp39-win32.whl"])];
  const nearestWithWheel = async (name: string) => (name === "y" ? ["1.9", "2.1"] : []);
  await expect(
    chooseWheels({ distributions }, bookworm, NOTHING, { nearestWithWheel, where: "uv.lock" }),
  ).rejects.toMatchObject({
    code: "WHEEL_MISSING",
    message:
      "uv.lock: no wheel for Python 3.11.2, linux/amd64, glibc 2.36: x 1 (no files at all); y 2.0 (only for CPython 3.9)",
    hint: expect.stringContaining("y has a wheel in 1.9, 2.1."),
  });
});

test("who can build from source is asked instead", async () => {
  const built = archive("x-1-py3-none-any.whl");
  const { chosen } = await chooseWheels({ distributions: [release("x", "1", [])] }, bookworm, NOTHING, {
    noWheel: async ({ distribution }) => ({
      name: distribution.name,
      version: distribution.version,
      wheel: built,
    }),
  });
  expect(chosen).toEqual([{ name: "x", version: "1", wheel: built }]);
});

test.each([
  [{ requiresPython: ">=3.12" }, "LOCK_PYTHON", "lock: requires Python >=3.12, the target has 3.11.2"],
  [{ environments: ["sys_platform == 'win32'", "python_version < '3'"] }, "LOCK_ENVIRONMENT", "win32"],
])("a lock for other environments is refused: %j", async (part, code, message) => {
  await expect(chooseWheels({ ...part, distributions: [] }, bookworm, NOTHING)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test("a release for another Python is refused by name", async () => {
  const lock = [release("x", "1", ["x-1-py3-none-any.whl"], { requiresPython: "<3.11" })];
  await expect(filenames(lock)).rejects.toMatchObject({
    code: "LOCK_PYTHON",
    message: "lock: x 1 requires Python <3.11, the target has 3.11.2",
  });
});

test.each([
  ["y-1-py3-none-any.whl", "1"],
  ["x-2-py3-none-any.whl", "1"],
  ["x-1+cpu-py3-none-any.whl", "1+cu12"],
])("a wheel named %s is not taken for x %s", async (filename, version) => {
  await expect(filenames([release("x", version, [filename])])).rejects.toMatchObject({
    code: "LOCK_NAME",
    message: expect.stringContaining(filename),
  });
});

test.each([
  ["x-1.0.0-py3-none-any.whl", "1.0"],
  ["x-2.1+cpu-py3-none-any.whl", "2.1"],
  ["x-1.0+1e5-py3-none-any.whl", "1.0+1e5"],
])("a wheel named %s is x %s", async (filename, version) => {
  expect(await filenames([release("x", version, [filename])])).toEqual([filename]);
});

test("wheels that nobody could name do not stand in the way of a good one", async () => {
  const odd = [
    "setup.exe",
    "x.whl",
    "x-1-b-py3-none-any.whl.whl",
    `x-1-${"py3.".repeat(5000)}py3-none-any.whl`,
  ];
  expect(await filenames([release("x", "1", [...odd, "x-1-py3-none-any.whl"])])).toContain(
    "x-1-py3-none-any.whl",
  );
});
