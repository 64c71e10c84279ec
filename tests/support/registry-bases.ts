import { mkdirSync } from "node:fs";
import type { ImageSettings } from "../../src/image/config.ts";
import { imageSet } from "../../src/image/image.ts";
import { loadImage } from "../../src/image/load.ts";
import { parseReference } from "../../src/image/reference.ts";
import { openLayoutFolder } from "../../src/image/sources/layout-folder.ts";
import type { Layer } from "../../src/layer/layer.ts";
import type { Platform } from "../../src/platform.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { pushImage } from "../../src/registry/push.ts";
import { baseStore } from "./base-store.ts";
import { cambium, type Ran, type RunOptions } from "./command.ts";
import type { DistributionFile } from "./distributions.ts";
import { startDockerRegistry, type TestRegistry } from "./docker-registry.ts";
import { type ElfFields, elfOf } from "./elf.ts";
import { AMD64, imageOf } from "./images.ts";
import { digestIn, writeProject } from "./project.ts";
import { type PythonIndex, type PythonIndexOptions, startPythonIndex } from "./python-index.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { wheel, wheelFilename } from "./wheel.ts";

/** The layers of a computed Debian with Python, without an environment: what somebody else's base is made of. */
export type DebianImage = { readonly layers: readonly Layer[] };

/** A machine: a store that has seen nothing but what ran on it. */
export type Machine = {
  readonly store: string;
  run(args: readonly string[], options?: Partial<RunOptions>): Promise<Ran>;
  /** Builds for amd64 with events as JSON lines on stderr. */
  build(project: string, ...args: readonly string[]): Promise<Built>;
};

export type Built = {
  readonly digest: string;
  readonly events: readonly LoggedEvent[];
  /** Layers that were composed, lowest first. */
  readonly layers: readonly { readonly name: string; readonly digest: string; readonly isReused: boolean }[];
  /** Names of archives that were transcoded. */
  readonly transcoded: readonly string[];
  /** Steps of stages with how they went: `hit: STAGE LINE: TEXT`. */
  readonly steps: readonly string[];
  /** Codes. */
  readonly warnings: readonly string[];
};

type LoggedEvent = Readonly<Record<string, unknown>> & { readonly type: string };

export type BaseWorld = AsyncDisposable & {
  readonly registry: TestRegistry;
  readonly index: PythonIndex;
  at(...parts: string[]): string;
  machine(name: string): Machine;
  /** Writes files below a project's folder and gives that. */
  project(name: string, files: Readonly<Record<string, string>>): string;
  debian(): Promise<DebianImage>;
  /** Puts an image into the registry; gives its reference. */
  pushBase(
    name: string,
    layers: readonly Layer[],
    settings?: Partial<ImageSettings>,
    platform?: Platform,
  ): Promise<string>;
  /** Paths of distributions that the index was asked for since `forget`. */
  wheelRequests(): string[];
  /** What of layers and other blobs moved since `forget`. */
  blobTraffic(repository: string): Promise<{ readonly read: string[]; readonly written: string[] }>;
  forget(): Promise<void>;
};

/** A real registry and a package index, and any number of machines that know nothing yet. */
export async function startBaseWorld(
  wheels: readonly DistributionFile[],
  options?: PythonIndexOptions,
): Promise<BaseWorld> {
  const folder = temporaryFolder();
  mkdirSync(folder.at("home"));
  const registry = await startDockerRegistry();
  const index = await startPythonIndex(wheels, options);
  const access = createRegistryAccess({ env: {}, emit: () => undefined });
  let debian: Promise<DebianImage> | undefined;
  const run: (store: string) => Machine["run"] = (store) => (args, options) =>
    cambium(args, { store, ...options });
  return {
    registry,
    index,
    at: folder.at,
    machine: (name) => {
      const store = folder.at(name);
      return {
        store,
        run: run(store),
        build: async (project, ...args) => {
          const flags = ["--progress", "json", "--platform", "linux/amd64", "--default-index", index.url];
          return builtBy(await run(store)(["build", project, ...flags, ...args]));
        },
      };
    },
    project: (name, files) => writeProject(folder.at(name), files),
    debian: () => (debian ??= debianLayers()),
    pushBase: async (name, layers, settings = {}, platform = AMD64) => {
      const reference = `${registry.address}/${name}`;
      const set = imageSet([imageOf(layers, settings, platform)]);
      await pushImage(set, parseReference(reference, "test"), access);
      return reference;
    },
    wheelRequests: () =>
      index.log.map(({ path }) => path).filter((path) => path.startsWith("/files/") && path.endsWith(".whl")),
    blobTraffic: async (repository) => {
      const blobs = (await registry.accesses()).filter(({ path }) =>
        path.startsWith(`/v2/${repository}/blobs/`),
      );
      const paths = (wanted: RegExp) =>
        blobs.filter(({ method }) => wanted.test(method)).map(({ path }) => path);
      return { read: paths(/^GET$/), written: paths(/^(POST|PATCH|PUT)$/) };
    },
    forget: async () => {
      index.log.length = 0;
      await registry.forget();
    },
    [Symbol.asyncDispose]: async () => {
      await access.close();
      await index[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** The tests' computed base; the environment, its last layer, is no part of it. */
async function debianLayers(): Promise<DebianImage> {
  const { layout } = await baseStore();
  const { layers } = await loadImage(await openLayoutFolder(layout), AMD64);
  return { layers: layers.slice(0, -1) };
}

/** @param ran a build with events as JSON lines; @throws Error with what it said if it failed */
export function builtBy(ran: Ran): Built {
  const digest = digestIn(ran);
  const events = ran.stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as LoggedEvent);
  const those = (type: string) => events.filter((event) => event.type === type);
  return {
    digest,
    events,
    layers: those("layer").map(({ name, digest: of, isReused }) => ({
      name: String(name),
      digest: String(of),
      isReused: isReused === true,
    })),
    transcoded: those("transcode-started").map(({ name }) => String(name)),
    steps: those("step-done").flatMap(({ id, outcome }) =>
      /^\S+ \d+: /.test(String(id)) ? [`${outcome}: ${id}`] : [],
    ),
    warnings: those("warning").map(({ code }) => String(code)),
  };
}

/** A wheel of one module that says its name; `content` adds weight. */
export function moduleWheel(
  name: string,
  options: { tag?: string; content?: Uint8Array } = {},
): DistributionFile {
  const { tag = "py3-none-any", content } = options;
  const files = {
    [`${name}/__init__.py`]: `name = "${name}"\n`,
    ...(content === undefined ? {} : { [`${name}/data.bin`]: content }),
  };
  const isPure = tag.endsWith("any");
  const wheelFile = `Wheel-Version: 1.0\nRoot-Is-Purelib: ${isPure}\nTag: ${tag}\n`;
  return { filename: wheelFilename({ name }, tag), bytes: wheel(files, { name, wheelFile }) };
}

/** A wheel of ELF files by path, for every CPython from 3.11: extension modules, and libraries that come along. */
export function binaryWheel(name: string, files: Readonly<Record<string, ElfFields>>): DistributionFile {
  const tag = "cp311-abi3-manylinux_2_17_x86_64";
  const members = Object.entries(files).map(([path, fields]) => [path, elfOf(fields)] as const);
  const wheelFile = `Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: ${tag}\n`;
  const bytes = wheel(Object.fromEntries(members), { name, wheelFile });
  return { filename: wheelFilename({ name }, tag), bytes };
}
