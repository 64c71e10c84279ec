import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { clockShift } from "../support/clock.ts";
import { cambium, cambiumCommand, type RunOptions } from "../support/command.ts";
import { type FaultyServer, startFaultyServer } from "../support/faulty-server.ts";
import { nodeOf } from "../support/node-version.ts";
import {
  digestIn,
  lockedWheel,
  pylockFiles,
  requirementsFiles,
  type Workplace,
  workplace,
} from "../support/project.ts";
import { wheel } from "../support/wheel.ts";
import "../support/in-memory.ts";

const wheels = Array.from({ length: 8 }, (_, n) => {
  const name = `part${n}`;
  const files = {
    [`${name}/__init__.py`]: `number = ${n}\n`,
    // One is large enough to go to a thread of its own.
    [`${name}/data.txt`]: Array.from(
      { length: n === 7 ? 600_000 : 500 },
      (_, at) => `${n} ${at * 7919}\n`,
    ).join(""),
    "@/entry_points.txt": `[console_scripts]\n${name} = ${name}:main\n`,
    [`${name}-1.0.data/scripts/run-${name}`]: "#!python\nprint(1)\n",
  };
  return { name, bytes: wheel(files, { name }) };
});

let server: FaultyServer;
let files: Record<string, string>;
let wanted = "";
let wantedLayers: readonly Layer[] = [];

type Layer = { readonly digest: string; readonly createdBy: string };

/** Everything is computed in each of these builds: the stores know no segment and no record. */
beforeAll(async () => {
  server = await startFaultyServer();
  for (const { name, bytes } of wheels) server.serve(pathOf(name), bytes);
  files = await pylockFiles(
    wheels.map(({ name, bytes }) => lockedWheel(name, server.url + pathOf(name), bytes)),
  );
  ({ digest: wanted, layers: wantedLayers } = await buildIn({ isWritten: true }));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function pathOf(name: string): string {
  return `/${name}-1.0-py3-none-any.whl`;
}

type WorldOptions = Partial<RunOptions> & {
  readonly args?: readonly string[];
  readonly prepare?: (place: Workplace) => void;
  /** Write the image out, to see its layers. */
  readonly isWritten?: boolean;
};

async function buildIn(world: WorldOptions): Promise<{ digest: string; layers: Layer[] }> {
  using place = await workplace({ isForgetful: true });
  const project = place.project("app", files);
  world.prepare?.(place);
  const out = place.at("out");
  const output = world.isWritten === true ? ["-o", `type=oci,dest=${out}`] : [];
  const digest = digestIn(await place.build(project, ["--locked", ...output, ...(world.args ?? [])], world));
  return { digest, layers: world.isWritten === true ? layersOf(out, digest) : [] };
}

function layersOf(layout: string, digest: string): Layer[] {
  const read = (it: string) => JSON.parse(readFileSync(join(layout, "blobs", it.replace(":", "/")), "utf8"));
  const manifest = read(digest) as { config: { digest: string }; layers: { digest: string }[] };
  const config = read(manifest.config.digest) as { history: { created_by: string }[] };
  return manifest.layers.map((layer, at) => ({
    digest: layer.digest,
    createdBy: config.history[at]?.created_by ?? "",
  }));
}

const worlds: readonly { readonly name: string; readonly world: () => WorldOptions }[] = [
  { name: "in another store and place", world: () => ({}) },
  {
    name: "with another umask",
    world: () => ({ command: ["sh", "-c", 'umask 077; exec "$0" "$@"', ...cambiumCommand] }),
  },
  {
    name: "in another language and zone",
    world: () => ({ env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8", TZ: "Pacific/Kiritimati" } }),
  },
  { name: "a year later", world: () => ({ env: clockShift(366 * 86_400) }) },
  { name: "years earlier", world: () => ({ env: clockShift(-3000 * 86_400) }) },
  {
    name: "of files with other times",
    world: () => ({
      prepare: (place) => utimesSync(place.at("app", "app.py"), 1_000_000_000, 1_000_000_000),
    }),
  },
  { name: "on one core", world: () => ({ wrapper: ["taskset", "-c", "0"], args: ["--jobs", "1"] }) },
  { name: "with eight jobs at once", world: () => ({ args: ["--jobs", "8"] }) },
  {
    name: "with other settings of pip, uv and apt",
    world: () => ({
      env: {
        PIP_INDEX_URL: "http://127.0.0.1:9/simple/",
        PIP_PRE: "1",
        UV_PRERELEASE: "allow",
        UV_INDEX_URL: "http://127.0.0.1:9/simple/",
        CAMBIUM_DEBIAN_MIRROR: "http://127.0.0.1:9/debian",
        PYTHONDONTWRITEBYTECODE: "1",
        APT_CONFIG: "/nonexistent",
      },
      prepare: (place) => writeFileSync(place.at("home", ".netrc"), "machine 127.0.0.1 login a password b\n"),
    }),
  },
];

test.for(worlds)("the same lock $name: the same manifest", async ({ world }) => {
  expect((await buildIn(world())).digest).toBe(wanted);
});

test("the same lock with wheels that arrive in another order: the same manifest", async () => {
  for (const [n, { name, bytes }] of wheels.entries()) {
    // The first asked for come last.
    const pauseMs = 20 * (wheels.length - n);
    server.serve(pathOf(name), bytes, { drip: { bytes: Math.ceil(bytes.length / 4), pauseMs } });
  }
  expect((await buildIn({})).digest).toBe(wanted);
});

test("the same lock on the oldest Node: the same manifest", async () => {
  const node = await nodeOf("22.18.0");
  expect((await buildIn({ command: [node, join(root, "src", "cli", "entry.ts")] })).digest).toBe(wanted);
});

test("another SOURCE_DATE_EPOCH changes what is copied and no layer of packages", async () => {
  const { digest, layers } = await buildIn({
    env: { SOURCE_DATE_EPOCH: "1700000000" },
    isWritten: true,
  });
  expect(digest).not.toBe(wanted);
  const packages = (all: readonly Layer[]) => all.filter(({ createdBy }) => !createdBy.includes("copy "));
  expect(packages(layers)).toEqual(packages(wantedLayers));
  expect(packages(layers)).toHaveLength(layers.length - 1);
});

test("a lock made where pip and apt are set otherwise, from the same index, is the same lock", async () => {
  const texts: string[] = [];
  for (const env of [{}, { LC_ALL: "tr_TR.UTF-8", TZ: "Asia/Kolkata", UV_CONCURRENT_DOWNLOADS: "1" }]) {
    using place = await workplace();
    const links = wheels.map(
      ({ name }) => `<a href="${server.url}${pathOf(name)}">${name}-1.0-py3-none-any.whl</a>`,
    );
    const html = { headers: { "content-type": "text/html" } };
    for (const { name } of wheels) {
      const page = links.filter((link) => link.includes(`${name}-`)).join("");
      server.serve(`/simple/${name}/`, page, html, html, html);
    }
    const project = place.project(
      "app",
      await requirementsFiles(wheels.map(({ name }) => `${name}\n`).join("")),
    );
    const ran = await cambium(["lock", project, "--default-index", `${server.url}/simple/`], {
      store: place.store,
      env,
    });
    expect(ran.exitCode, ran.stderr).toBe(0);
    texts.push(readFileSync(join(project, "cambium.lock"), "utf8"));
  }
  expect(texts[1]).toBe(texts[0]);
});
