import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStagesRecord } from "../../src/cache/read-record.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { openStore } from "../../src/store/store.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, type Built, builtBy, type Machine } from "../support/registry-bases.ts";
import { remoteAt } from "../support/remotes.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";
import "../support/in-memory.ts";

const SAID = "said-in-an-argument";

describe.runIf(needs("docker-registry", "runc", "root"))(
  "the record of an image that was built in stages",
  () => {
    let debian: DebianWorld;
    let world: BaseWorld;
    let tag: string;
    let project: string;
    let first: Built;

    const text = () => `FROM ${debian.base} AS made
ARG WORD
COPY a /a
RUN cat /a > /made && date +%N >> /made
FROM ${debian.base}
COPY --from=made /made /made
RUN date +%N > /ran
COPY a /copied
CMD ["one"]
`;
    const push = (machine: Machine, ...args: readonly string[]) =>
      build(machine, project, "-t", tag, "--push", "--build-arg", `WORD=${SAID}`, ...args);

    beforeAll(async () => {
      debian = await startDebianWorld();
      world = debian.world;
      tag = `${world.registry.address}/app:1`;
      project = world.project("app", { Dockerfile: text(), a: "a\n" });
      first = await push(debian.builder);
    });
    afterAll(async () => debian?.[Symbol.asyncDispose]());

    async function build(machine: Machine, folder: string, ...args: readonly string[]): Promise<Built> {
      const flags = ["--progress", "json", "--platform", "linux/amd64"];
      return builtBy(await machine.run(["build", folder, ...flags, ...args]));
    }

    async function layersRead({ layers }: Built): Promise<string[]> {
      const { read } = await world.blobTraffic("app");
      const ofBase = await world.blobTraffic("debian");
      return [...read, ...ofBase.read].filter((path) => layers.some(({ digest }) => path.endsWith(digest)));
    }

    test.for(["--push", "--cache-from"])("gives a fresh machine the whole image with %s", async (flag) => {
      await world.forget();
      const machine = world.machine(`fresh${flag}`);
      const arg = ["--build-arg", `WORD=${SAID}`];
      const again =
        flag === "--push" ? await push(machine) : await build(machine, project, "--cache-from", tag, ...arg);
      expect(again).toMatchObject({ digest: first.digest, warnings: [] });
      expect(again.layers.map(({ digest }) => digest)).toEqual(first.layers.map(({ digest }) => digest));
      expect(again.steps).toEqual([]);
      expect(await layersRead(first)).toEqual([]);
      expect((await world.blobTraffic("app")).written).toEqual([]);
    });

    test("gives a fresh machine the steps before a change, without their layers", async () => {
      const single = (last: string) => `FROM ${debian.base}
COPY a /copied
RUN date +%N > /ran
WORKDIR /made
${last}
`;
      const files = (last: string) => ({ Dockerfile: single(last), a: "a\n" });
      const at = `${world.registry.address}/app:single`;
      const folder = world.project("single", files('CMD ["one"]'));
      const before = await build(world.machine("single-maker"), folder, "-t", at, "--push");
      world.project("single", files('COPY a /again\nCMD ["two"]'));
      await world.forget();
      const changed = await build(world.machine("single-fresh"), folder, "-t", at, "--push");
      expect(changed.steps.filter((line) => line.includes(": RUN"))).toEqual([
        expect.stringMatching(/^hit: 0 3: RUN/),
      ]);
      const shared = before.layers.map(({ digest }) => digest);
      expect(changed.layers.slice(0, shared.length).map(({ digest }) => digest)).toEqual(shared);
      expect(changed.layers).toHaveLength(shared.length + 1);
      expect(await layersRead(changed)).toEqual([]);
      expect(changed.warnings).toEqual([]);
    });

    test("of other stages it tells what is needed to leave them alone", async () => {
      const at = `${world.registry.address}/app:stages`;
      const files = (last: string) => ({ Dockerfile: `${text()}RUN ${last}\n`, a: "a\n" });
      const folder = world.project("stages", files("echo one > /last"));
      const before = await build(world.machine("stages-maker"), folder, "-t", at, "--push");
      world.project("stages", files("echo two > /last"));
      await world.forget();
      const changed = await build(world.machine("stages-fresh"), folder, "-t", at, "--push");
      expect(changed.warnings).toEqual([]);
      expect(
        changed.steps.filter((line) => line.includes(": RUN")).map((line) => line.split(":")[0]),
      ).toEqual(["hit", "hit", "done"]);
      const digests = ({ layers }: Built) => layers.map(({ digest }) => digest);
      expect(digests(changed).slice(0, -1)).toEqual(digests(before).slice(0, -1));
    });

    test("has no build argument in it, and no key as it is here", async () => {
      const access = createRegistryAccess({ env: {}, emit: () => undefined });
      try {
        const { remote, head } = remoteAt(tag, access);
        const found = await readStagesRecord(remote, head, () => undefined);
        expect(found?.record.steps).toHaveLength(2);
        expect(found?.record.absent).toHaveLength(1);
        expect(JSON.stringify(found)).not.toContain(SAID);
        const store = openStore(debian.builder.store);
        try {
          for (const { key } of found?.record.steps ?? [])
            expect(store.records.get("step", key)).toBeUndefined();
        } finally {
          store.close();
        }
      } finally {
        await access.close();
      }
    });
  },
);
