import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Layer } from "../../src/layer/layer.ts";
import type { Platform } from "../../src/platform.ts";
import { pylockText } from "../support/base-store.ts";
import { ARM64 } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { lockedWheel } from "../support/project.ts";
import { expectFailure } from "../support/reference.ts";
import { type BaseWorld, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";

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

type Case = {
  readonly name: string;
  readonly base: () => Layer[];
  readonly platform?: Platform;
  /** Default 2: what was asked for cannot be. */
  readonly exitCode?: number;
  readonly code: string;
  readonly quotes: readonly string[];
  readonly hint: RegExp;
};
const cases: readonly Case[] = [
  {
    name: "a wheel for another Python",
    base: () => [layerOf(...pythonAt("3.13.2"), ...glibc("2.41"))],
    exitCode: 1,
    code: "WHEEL_MISSING",
    quotes: ["old311 1.0", "only for CPython 3.11", "Python 3.13.2"],
    hint: /^hint: Ask for a version that has one, .* or base/m,
  },
  {
    name: "a glibc older than the wheel's tag",
    base: () => [layerOf(...pythonAt("3.11.2"), ...glibc("2.17"))],
    exitCode: 1,
    code: "WHEEL_MISSING",
    quotes: ["old311 1.0", "needs glibc 2.28, the target has 2.17"],
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
  let lock: string;
  const wheel = moduleWheel("old311", { tag: "cp311-cp311-manylinux_2_28_x86_64" });

  beforeAll(async () => {
    world = await startBaseWorld([wheel]);
    // A lock of the project's own, of the Python that it was resolved for.
    lock = pylockText([lockedWheel("old311", `${world.index.origin}/files/${wheel.filename}`, wheel.bytes)]);
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  test.for(cases)(
    "before any download: $name",
    async ({ name, base, platform, exitCode = 2, code, quotes, hint }) => {
      const reference = await world.pushBase(
        `${name.replaceAll(/\W+/g, "-").toLowerCase()}:1`,
        base(),
        {},
        platform,
      );
      const project = world.project(name, { "pylock.toml": lock });
      await world.forget();
      const flags = ["--base", reference, "--platform", "linux/amd64", "--default-index", world.index.url];
      const ran = await world.machine(`${name} store`).run(["build", project, ...flags]);
      expectFailure(ran, { exitCode, code, quotes: [...quotes], hint });
      expect(world.wheelRequests()).toEqual([]);
    },
  );
});
