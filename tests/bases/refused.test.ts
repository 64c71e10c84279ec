import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Layer } from "../../src/layer/layer.ts";
import type { Platform } from "../../src/platform.ts";
import { pylockText } from "../support/base-store.ts";
import type { DistributionFile } from "../support/distributions.ts";
import { ARM64 } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { lockedWheel } from "../support/project.ts";
import { expectFailure } from "../support/reference.ts";
import { type BaseWorld, binaryWheel, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";

/** A program that is none, but has CPython's version in itself as a real one has. */
const python = (version: string) => `\x7fELF\0libc\0${version}\0`;
const pythonAt = (version: string) => {
  const name = `python${version.split(".").slice(0, 2).join(".")}`;
  return [
    { path: "usr/bin", directory: true },
    { path: `usr/bin/${name}`, file: python(version), mode: 0o755 },
    { path: "usr/bin/python3", link: name },
  ] as const;
};
const glibc = (version: string) =>
  [
    {
      path: "usr/lib/x86_64-linux-gnu/libc.so.6",
      file: `\x7fELF\0GNU C Library (GNU libc) stable release version ${version}.\n\0`,
      mode: 0o755,
    },
    { path: "lib64/ld-linux-x86-64.so.2", file: "\x7fELF", mode: 0o755 },
  ] as const;
const musl = [
  { path: "lib/ld-musl-x86_64.so.1", file: "\x7fELF\0musl libc (x86_64)\0" + "1.2.5\0", mode: 0o755 },
] as const;

const graphics = [
  binaryWheel("graphics", {
    "graphics/graphics.abi3.so": { needed: ["libGL.so.1", "libcodec-1a2b.so.4", "libc.so.6"] },
    "graphics.libs/libcodec-1a2b.so.4": { needed: ["libX11.so.6", "libm.so.6"] },
    "graphics/plugins/libunused.so": { needed: ["libnobody.so.1"] },
  }),
  binaryWheel("player", {
    "player/player.abi3.so": { needed: ["libplayer.so"] },
    "player/lib/libplayer.so": { needed: ["libcuda.so.1", "libc.so.6"] },
  }),
] as const;
const optional = binaryWheel("optional", {
  "optional/core.abi3.so": { needed: ["libc.so.6"] },
  "optional/odbc.abi3.so": { needed: ["libodbc.so.2"] },
});
const x11 = layerOf(
  { path: "etc/ld.so.conf", file: "/opt/gl\n" },
  { path: "opt/gl/libGL.so.1.7.0", file: "\x7fELF", mode: 0o755 },
  { path: "opt/gl/libGL.so.1", link: "libGL.so.1.7.0" },
  { path: "usr/lib/x86_64-linux-gnu/libX11.so.6", file: "\x7fELF", mode: 0o755 },
);

type Case = {
  readonly name: string;
  /** Compatibility tags of the lock's wheels, all of one release; default one for CPython 3.11 and glibc 2.28. */
  readonly tags?: readonly string[];
  readonly base: () => Layer[];
  readonly platform?: Platform;
  /** Default 2: what was asked for cannot be. */
  readonly exitCode?: number;
  readonly code: string;
  readonly quotes: readonly string[];
  readonly hint: RegExp;
};
const TAG = "cp311-cp311-manylinux_2_28_x86_64";
const bookworm = () => [layerOf(...pythonAt("3.11.2"), ...glibc("2.36"))];
const cases: readonly Case[] = [
  {
    name: "a wheel for another Python",
    base: () => [layerOf(...pythonAt("3.13.2"), ...glibc("2.41"))],
    exitCode: 1,
    code: "BASE_PYTHON",
    quotes: [
      "(Python 3.13.2, glibc 2.41, linux/amd64)",
      "cannot take demo-1.0-cp311-cp311-manylinux_2_28_x86_64.whl: only for CPython 3.11",
    ],
    hint: /^hint: Take a base with that Python/m,
  },
  {
    name: "a glibc older than the wheel's tag",
    base: () => [layerOf(...pythonAt("3.11.2"), ...glibc("2.17"))],
    exitCode: 1,
    code: "BASE_LIBC_VERSION",
    quotes: ["manylinux_2_28_x86_64.whl: needs glibc 2.28, the target has 2.17"],
    hint: /^hint: Take a newer release of the base/m,
  },
  {
    name: "a wheel for musl",
    tags: ["cp311-cp311-musllinux_1_2_x86_64"],
    base: bookworm,
    exitCode: 1,
    code: "BASE_LIBC",
    quotes: ["musllinux_1_2_x86_64.whl: only for musl"],
    hint: /^hint: .*manylinux/m,
  },
  {
    name: "a wheel for another machine",
    tags: ["cp311-cp311-manylinux_2_28_aarch64"],
    base: bookworm,
    exitCode: 1,
    code: "BASE_MACHINE",
    quotes: ["manylinux_2_28_aarch64.whl: only for aarch64"],
    hint: /^hint: .*--platform/m,
  },
  {
    name: "a wheel for another system",
    tags: ["cp311-cp311-win_amd64"],
    base: bookworm,
    exitCode: 1,
    code: "BASE_PLATFORM",
    quotes: ["win_amd64.whl: only for Windows"],
    hint: /^hint: .*Linux/m,
  },
  {
    name: "a wheel for a Python without the GIL",
    tags: ["cp313-cp313t-manylinux_2_28_x86_64"],
    base: () => [layerOf(...pythonAt("3.13.2"), ...glibc("2.41"))],
    exitCode: 1,
    code: "BASE_ABI",
    quotes: ["cp313t-manylinux_2_28_x86_64.whl: only for free-threaded Python"],
    hint: /^hint: .*cambium lock/m,
  },
  {
    name: "a release of which no wheel fits",
    tags: [TAG, "cp312-cp312-manylinux_2_28_x86_64"],
    base: () => [layerOf(...pythonAt("3.13.2"), ...glibc("2.41"))],
    exitCode: 1,
    code: "WHEEL_MISSING",
    quotes: ["demo 1.0", "only for CPython 3.11; only for CPython 3.12", "Python 3.13.2"],
    hint: /^hint: Ask for a version that has one, .* or base/m,
  },
  {
    name: "a C library that is not glibc",
    base: () => [layerOf(...pythonAt("3.11.2"), ...musl)],
    code: "BASE_NO_GLIBC",
    quotes: ["not glibc"],
    hint: /^hint: .*alpine/m,
  },
  {
    name: "no Python",
    base: () => [layerOf({ path: "usr/bin", directory: true }, ...glibc("2.41"))],
    code: "BASE_NO_PYTHON",
    quotes: ["no Python for linux/amd64"],
    hint: /^hint: .*python:/m,
  },
  {
    name: "another platform",
    base: () => [layerOf(...pythonAt("3.11.2"), ...glibc("2.41"))],
    platform: ARM64,
    code: "PLATFORM_UNKNOWN",
    quotes: ["linux/arm64", "linux/amd64"],
    hint: /^hint: .*--platform/m,
  },
];

describe.runIf(needs("docker-registry"))("a base that cannot take the packages is refused", () => {
  let world: BaseWorld;
  const demo = (tag: string) => moduleWheel("demo", { tag });

  beforeAll(async () => {
    const tags = new Set(cases.flatMap(({ tags = [TAG] }) => tags));
    world = await startBaseWorld([...[...tags].map(demo), ...graphics, optional]);
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  /** A lock of the project's own, of the Python that it was resolved for. */
  const lockOf = (...wheels: readonly DistributionFile[]) =>
    pylockText(
      wheels.map(({ filename, bytes }) =>
        lockedWheel(filename.split("-")[0]!, `${world.index.origin}/files/${filename}`, bytes),
      ),
    );
  const flagsFor = (base: string) =>
    ["--base", base, "--platform", "linux/amd64", "--default-index", world.index.url] as const;

  test.for(cases)(
    "before any download: $name",
    async ({ name, tags = [TAG], base, platform, exitCode = 2, code, quotes, hint }) => {
      const repository = name.replaceAll(/\W+/g, "-").toLowerCase();
      const reference = await world.pushBase(`${repository}:1`, base(), {}, platform);
      const project = world.project(name, { "pylock.toml": lockOf(...tags.map(demo)) });
      const machine = world.machine(`${name} store`);
      const refused = async () => {
        await world.forget();
        const ran = await machine.run(["build", project, ...flagsFor(reference)]);
        expectFailure(ran, { exitCode, code, quotes: [...quotes], hint });
        expect(world.wheelRequests()).toEqual([]);
      };
      await refused();
      // The base's listing is known by now, and nothing else of it is needed to know better.
      await refused();
      const { read } = await world.blobTraffic(repository);
      const layers = base().map(({ descriptor }) => `/v2/${repository}/blobs/${descriptor.digest}`);
      expect(read.filter((path) => layers.includes(path))).toEqual([]);
    },
  );

  test("rebase: a glibc older than the recorded wheel's tag, without a wheel or a layer moving", async () => {
    const [newer, older] = await Promise.all([
      world.pushBase("newer:1", bookworm()),
      world.pushBase("older:1", [layerOf(...pythonAt("3.11.2"), ...glibc("2.17"))]),
    ]);
    const image = `${world.registry.address}/moved:1`;
    const project = world.project("moved", { "pylock.toml": lockOf(demo(TAG)) });
    await world.machine("moved store").build(project, "--base", newer, "-t", image, "--push");
    await world.forget();
    const ran = await world.machine("moved elsewhere").run(["rebase", image, "--base", older, "--push"]);
    expectFailure(ran, {
      exitCode: 1,
      code: "BASE_LIBC_VERSION",
      quotes: [`base ${older}`, `${demo(TAG).filename}: needs glibc 2.28, the target has 2.17`],
      hint: /^hint: Take a newer release of the base/m,
    });
    expect(world.wheelRequests()).toEqual([]);
    expect((await world.blobTraffic("moved")).written).toEqual([]);
  });

  test("for want of a library, which is named, before a layer is written; with it the image is built", async () => {
    const bare = await world.pushBase("bare:1", bookworm());
    const project = world.project("graphics", { "pylock.toml": lockOf(...graphics) });
    const machine = world.machine("graphics store");
    const image = `${world.registry.address}/graphics:1`;
    const refusal = {
      exitCode: 1,
      code: "BASE_LIBRARY",
      quotes: [
        `base ${bare} for linux/amd64 cannot take ${graphics[0].filename}: needs libGL.so.1, libX11.so.6`,
      ],
      hint: /^hint: .*apt:/m,
    };
    const build = (base: string) => machine.run(["build", project, ...flagsFor(base), "-t", image, "--push"]);
    expectFailure(await build(bare), refusal);
    await world.forget();
    expectFailure(await build(bare), refusal);
    // What the wheels need is known by now, and no byte of anything is asked for again.
    expect(world.wheelRequests()).toEqual([]);
    expect((await world.blobTraffic("bare")).read).toEqual([]);
    expect((await world.blobTraffic("graphics")).written).toEqual([]);

    const whole = await world.pushBase("whole:1", [...bookworm(), x11]);
    const { layers } = await machine.build(project, "--base", whole, "-t", image, "--push");
    expect(layers.length).toBeGreaterThan(0);

    // The record tells a machine that has neither wheels nor layers.
    await world.forget();
    const rebased = await world.machine("no store").run(["rebase", image, "--base", bare, "--push"]);
    expectFailure(rebased, refusal);
    expect(world.wheelRequests()).toEqual([]);
    const { read, written } = await world.blobTraffic("graphics");
    expect(written).toEqual([]);
    expect(layers.filter(({ digest }) => read.some((path) => path.endsWith(digest)))).toEqual([]);
  });

  test("not for want of an optional module's library: one warning for the wheel", async () => {
    const base = await world.pushBase("optional:1", bookworm());
    const project = world.project("optional", { "pylock.toml": lockOf(optional) });
    const { events, warnings } = await world.machine("optional store").build(project, "--base", base);
    expect(warnings).toEqual(["LIBRARY_MISSING"]);
    expect(events.find(({ type }) => type === "warning")).toMatchObject({
      message: `${optional.filename}: 1 of 2 extension modules will not load, for want of libodbc.so.2: odbc.abi3.so`,
      hint: expect.stringContaining("apt:"),
    });
  });
});
