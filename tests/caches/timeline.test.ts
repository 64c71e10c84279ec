import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LUA, unpackSource } from "../support/debian-source.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, type Built, startBaseWorld } from "../support/registry-bases.ts";
import { writeTree } from "../support/tree.ts";
import "../support/in-memory.ts";

/** Upstream's own makefile; what it is given on the command line is what people write. */
const PROJECT = `
debian: { suite: bookworm, variant: distroless }
stages:
  build:
    debian: bookworm
    apt: [gcc, libc6-dev, make, ccache]
    workdir: /src
    steps:
      - run: gcc --version > /compiler
      - copy: lua:/src/
      - run:
          command: ccache -z && make -C src -j2 "CC=ccache gcc -std=gnu99" linux && ccache --print-stats
          mounts: [{ type: cache, target: /root/.cache/ccache }]
copy:
  - { from: /src/src/lua, to: /usr/local/bin/, stage: build }
  - { from: /compiler, to: /, stage: build }
entrypoint: [/usr/local/bin/lua]
`;

/** What ccache counted in the step. */
function counted({ events }: Built): { hits: number; misses: number } {
  const lines = events.flatMap(({ type, line }) => (type === "step-output" ? [String(line)] : []));
  const of = (name: string) => Number(lines.find((line) => line.startsWith(`${name}\t`))?.split("\t")[1]);
  return { hits: of("direct_cache_hit") + of("preprocessed_cache_hit"), misses: of("cache_miss") };
}

describe.runIf(needs("docker-registry", "runc", "root"))("the timeline of a C project", () => {
  let world: BaseWorld;
  /** The build of the first machine, which exported to a folder and to a registry. */
  let cold: Built;
  const placeOf = (kind: string) =>
    kind === "folder" ? world.at("cache") : `${world.registry.address}/cache:c`;
  beforeAll(async () => {
    world = await startBaseWorld([]);
    await unpackSource(LUA, world.at("project/lua"));
    writeTree(world.at("project"), { "cambium.yaml": PROJECT });
    const places = ["folder", "registry"].flatMap((kind) => ["--cache-to", placeOf(kind)]);
    cold = await world.machine("first").build(world.at("project"), ...places);
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  test.each(["folder", "registry"])(
    "by a %s: unchanged commands hit, a changed one finds a warm ccache",
    {
      timeout: 600_000,
    },
    async (kind) => {
      const place = placeOf(kind);
      const project = world.at("project");
      const source = join(project, "lua/src/lua.c");
      const text = readFileSync(source, "utf8").replace(/^int changed_for.*\n/m, "");
      writeFileSync(source, text);
      const { hits, misses } = counted(cold);
      expect(hits).toBe(0);
      expect(misses).toBeGreaterThan(30);

      const same = await world.machine(`same-${kind}`).build(project, "--cache-from", place);
      expect(same.digest).toBe(cold.digest);
      expect(same.steps.filter((line) => line.startsWith("done"))).toEqual([]);
      expect({ ...same, events: [] }).toMatchObject({ transcoded: [], warnings: [] });

      writeFileSync(source, `${text}int changed_for_${kind};\n`);
      const machine = world.machine(`changed-${kind}`);
      const changed = await machine.build(project, "--cache-from", place);
      expect(changed.transcoded).toEqual([]);
      expect(changed.warnings).toEqual([]);
      expect(changed.steps.map((line) => line.replace(/^(\w+: \S+ \d+: \w+).*/, "$1")).sort()).toEqual([
        "done: build 2: COPY",
        "done: build 3: RUN",
        "done: image 1: COPY",
        "hit: build 1: RUN",
        "hit: image 2: COPY",
      ]);
      expect(counted(changed)).toEqual({ hits: misses - 1, misses: 1 });

      const ran = await machine.run(["run", "--progress", "plain", project, "-e", "print(6 * 7)"]);
      expect(ran).toMatchObject({ exitCode: 0, stdout: "42\n" });
    },
  );
});
