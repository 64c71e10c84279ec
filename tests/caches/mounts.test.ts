import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { type Built, builtBy, type Machine } from "../support/registry-bases.ts";

const FLAGS = ["--progress", "json", "--platform", "linux/amd64"];
const UUID = "cat /proc/sys/kernel/random/uuid";

describe.runIf(needs("docker-registry", "runc", "root")).each(["folder", "registry"])(
  "cache mounts in a %s",
  (kind) => {
    let world: StepWorld;
    let count = 0;
    beforeAll(async () => {
      world = await startStepWorld();
    });
    afterAll(async () => world?.[Symbol.asyncDispose]());

    const newPlace = () =>
      kind === "folder"
        ? world.world.at(`cache-${count++}`)
        : `${world.world.registry.address}/cache-${count++}:c`;
    const build = async (machine: Machine, text: string, ...args: readonly string[]): Promise<Built> => {
      const env = { CAMBIUM_PROJECT: "p" };
      const context = world.context(`FROM base\n${text}`);
      return builtBy(await machine.run(["build", context, ...FLAGS, ...args], { env }));
    };
    const runs = ({ steps }: Built) =>
      steps.filter((line) => line.includes(": RUN")).map((line) => line.split(":")[0]);
    /** Adds a line to what the mount has, and shows it. */
    const counting = (word: string, id = "/m") =>
      `RUN --mount=type=cache,target=${id} echo ${word} >> ${id}/words && cat ${id}/words && ${UUID} > /x\n`;
    const shown = ({ events }: Built) =>
      events.flatMap(({ type, line, stream }) =>
        type === "step-output" && stream === "stdout" ? [String(line)] : [],
      );

    test("a step that hits leaves them alone, one that misses finds them warm", async () => {
      const place = newPlace();
      const both = ["--cache-from", place, "--cache-to", place];
      await build(world.newMachine(), counting("one"), ...both);
      const machine = world.newMachine();
      const same = await build(machine, counting("one"), ...both);
      expect({ runs: runs(same), shown: shown(same) }).toEqual({ runs: [], shown: [] });
      const list = await machine.run(["mount", "ls", "--json"]);
      expect(JSON.parse(list.stdout).mounts).toEqual([]);
      const other = await build(world.newMachine(), counting("two"), ...both);
      expect({ shown: shown(other), warnings: other.warnings }).toEqual({
        shown: ["one", "two"],
        warnings: [],
      });
      const last = await build(world.newMachine(), counting("three"), ...both);
      expect(shown(last)).toEqual(["one", "two", "three"]);
    });

    test("a hit and a warm mount are found in one build", async () => {
      const place = newPlace();
      const text = (word: string) => `${counting("first", "/a")}${counting(word, "/b")}`;
      await build(world.newMachine(), text("second"), "--cache-to", place);
      const built = await build(world.newMachine(), text("third"), "--cache-from", place);
      expect(runs(built)).toEqual(["hit", "done"]);
      expect(shown(built)).toEqual(["second", "third"]);
    });

    test("what was restored since goes along, though no step used it", async () => {
      const place = newPlace();
      const machine = world.newMachine();
      const first = counting("one");
      await build(machine, first, "--cache-to", place);
      // Unchanged and not used: it is not looked through, and stays.
      await build(machine, first, "--cache-to", place);
      const other = world.world.at(`restored-${count++}`);
      mkdirSync(other);
      writeFileSync(join(other, "words"), "other\n");
      const restored = await machine.run(["mount", "restore", "/m", other, "--project", "p"], {
        env: { CAMBIUM_PROJECT: "p" },
      });
      expect(restored.exitCode, restored.stderr).toBe(0);
      await build(machine, first, "--cache-to", place);
      const built = await build(world.newMachine(), counting("two"), "--cache-from", place);
      expect(shown(built)).toEqual(["other", "two"]);
    });

    test("an empty first seed does not poison the second build", async () => {
      const place = newPlace();
      const text = (word: string) =>
        `RUN --mount=type=cache,target=/m,from=seed ${word === "" ? "true" : `echo ${word} >> /m/words`}; cat /m/words || true\n`;
      const seeded = (word: string) => `${text(word)}FROM scratch AS seed\n`;
      const stages = (word: string) =>
        `RUN true\nFROM base AS seed0\nRUN mkdir /s\nFROM base\n${seeded(word).split("FROM")[0]!.replace("from=seed", "from=seed0,source=/s")}`;
      await build(world.newMachine(), stages(""), "--cache-to", place);
      await build(world.newMachine(), stages("one"), "--cache-from", place, "--cache-to", place);
      const again = await build(world.newMachine(), stages("two"), "--cache-from", place);
      expect(shown(again)).toEqual(["one", "two"]);
    });

    test("only those that are chosen go along, and the build says which", async () => {
      const place = newPlace();
      const text = (word: string) => `${counting(word, "/a")}${counting(word, "/b")}`;
      const said = (built: Built) => built.events.find(({ type }) => type === "cache")?.mounts;
      const none = await build(world.newMachine(), text("one"), "--cache-to", `${place},mounts=none`);
      expect(said(none)).toBeNull();
      const one = await build(world.newMachine(), text("one"), "--cache-to", `${place},mounts=/b`);
      expect(said(one)).toEqual([{ id: "/b", sizeBytes: expect.any(Number) }]);
      const built = await build(world.newMachine(), text("two"), "--cache-from", place);
      expect(shown(built)).toEqual(["two", "one", "two"]);
    });

    test("what a step wrote before it failed goes along too", async () => {
      const place = newPlace();
      const context = world.context(
        `FROM base\nRUN --mount=type=cache,target=/m echo one >> /m/words && exit 3\n`,
      );
      const env = { CAMBIUM_PROJECT: "p" };
      const failed = await world.newMachine().run(["build", context, ...FLAGS, "--cache-to", place], { env });
      expect(failed.exitCode).toBe(1);
      const built = await build(world.newMachine(), counting("two"), "--cache-from", place);
      expect(shown(built)).toEqual(["one", "two"]);
    });
  },
);
