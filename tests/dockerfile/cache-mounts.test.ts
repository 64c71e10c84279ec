import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MountPruneResult } from "../../src/actions/results.ts";
import { openStore } from "../../src/store/store.ts";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import type { Machine } from "../support/registry-bases.ts";
import {
  awaitFile,
  eventually,
  mountFolder,
  mountsOf,
  type StepWorld,
  startStepWorld,
} from "./step-world.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("a cache mount", () => {
  let steps: StepWorld;

  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => {
    await steps?.[Symbol.asyncDispose]();
  });

  test("is warm in the next build though the instruction changed, and nowhere in the image or a key", async () => {
    const machine = steps.newMachine();
    const step = (name: string) =>
      `FROM base\nRUN --mount=type=cache,id=the-cache-id,target=/deep/cache ls /deep/cache > /seen; echo secret-content > /deep/cache/${name}\n`;
    digestIn(await steps.build(machine, step("one")));
    const root = steps.world.at("rootfs");
    const second = await steps.build(machine, step("two"), { args: ["-o", `type=rootfs,dest=${root}`] });
    digestIn(second);
    expect(readFileSync(join(root, "seen"), "utf8")).toBe("one\n");
    expect(existsSync(join(root, "deep"))).toBe(false);
    expect(readdirSync(await mountFolder(machine, "the-cache-id")).sort()).toEqual(["one", "two"]);
    const store = openStore(machine.store);
    try {
      const documents = store.records
        .list("step-key")
        .map(({ value }) => JSON.stringify(value))
        .filter((text) => text.includes('"op":"run"'));
      expect(documents).toHaveLength(2);
      expect(documents.join("\n")).toContain('"target":"/deep/cache"');
      expect(documents.join("\n")).not.toContain("the-cache-id");
    } finally {
      store.close();
    }
    const again = await steps.build(machine, step("two").replace("the-cache-id", "another-id"));
    expect(digestIn(again)).toBe(digestIn(second));
    expect((await mountsOf(machine)).map(({ id }) => id)).toEqual(["the-cache-id"]);
  });

  test("locked: another build waits, says so, and never comes in between", async () => {
    const machine = steps.newMachine();
    const step = (name: string) => `FROM base
RUN --mount=type=cache,id=c,target=/c,sharing=locked --mount=type=cache,target=/s,sharing=shared \\
  echo begin ${name} >> /c/log && touch /s/${name} && ${awaitFile("go")} && echo end ${name} >> /c/log
`;
    const first = steps.start(machine, step("a"));
    await eventually(() => hasFile(machine, "a"));
    const second = steps.start(machine, step("b"));
    await second.said("waits for the cache mount c");
    const folder = await mountFolder(machine, "c");
    expect(readFileSync(join(folder, "log"), "utf8")).toBe("begin a\n");
    expect((await mountsOf(machine)).every(({ isInUse }) => isInUse)).toBe(true);
    writeFileSync(join(await mountFolder(machine, "/s"), "go"), "");
    digestIn(await first.ran);
    digestIn(await second.ran);
    expect(readFileSync(join(folder, "log"), "utf8")).toBe("begin a\nend a\nbegin b\nend b\n");
  });

  test("locked: a build that waits ends when it is told to", async () => {
    const machine = steps.newMachine();
    const step = (name: string) => `FROM base
RUN --mount=type=cache,id=c,target=/c,sharing=locked --mount=type=cache,target=/s,sharing=shared \\
  touch /s/${name} && ${awaitFile("go")}
`;
    const first = steps.start(machine, step("a"));
    await eventually(() => hasFile(machine, "a"));
    const second = steps.start(machine, step("b"));
    await second.said("waits for the cache mount c");
    (await second.child).kill("SIGINT");
    expect((await second.ran).exitCode).toBe(130);
    writeFileSync(join(await mountFolder(machine, "/s"), "go"), "");
    digestIn(await first.ran);
  });

  test("locked: what nobody wrote for apt; stages of one build and other builds take turns, in whatever order", async () => {
    const machine = steps.newMachine();
    const step = (name: string, mounts: readonly string[]) =>
      `RUN ${mounts.map((target) => `--mount=type=cache,target=${target}`).join(" ")} ${mounts
        .map((target) => `echo "<" >> ${target}/log && sleep 0.1 && echo ">" >> ${target}/log`)
        .join(" && ")} && echo ${name} > /done\n`;
    const apt = ["/var/cache/apt", "/var/lib/apt"];
    const text = (name: string) =>
      `FROM base AS a\n${step(`a-${name}`, apt)}FROM base AS b\n${step(`b-${name}`, [...apt].reverse())}` +
      "FROM base\nCOPY --from=a /done /a\nCOPY --from=b /done /b\n";
    const all = await Promise.all([steps.build(machine, text("one")), steps.build(machine, text("two"))]);
    for (const ran of all) digestIn(ran);
    for (const target of apt) {
      const log = readFileSync(join(await mountFolder(machine, target), "log"), "utf8");
      expect(log).toBe("<\n>\n".repeat(4));
    }
  });

  test("shared: two builds are in one folder at the same time", async () => {
    const machine = steps.newMachine();
    const step = (own: string, other: string) =>
      `FROM base\nRUN --mount=type=cache,target=/s,sharing=shared touch /s/${own} && ${awaitFile(other)}\n`;
    const both = await Promise.all([
      steps.build(machine, step("a", "b")),
      steps.build(machine, step("b", "a")),
    ]);
    for (const ran of both) digestIn(ran);
    expect(await mountsOf(machine)).toHaveLength(1);
  });

  test("private: two builds at the same time have two folders, and later ones use them again", async () => {
    const machine = steps.newMachine();
    const step = (own: string, other: string) => `FROM base
RUN --mount=type=cache,target=/c,sharing=private --mount=type=cache,target=/s,sharing=shared \\
  touch /c/${own} /s/${own} && ${awaitFile(other)} && ls /c > /seen
`;
    const both = await Promise.all([
      steps.build(machine, step("a", "b")),
      steps.build(machine, step("b", "a")),
    ]);
    for (const ran of both) digestIn(ran);
    const pool = (await mountsOf(machine)).filter(({ id }) => id === "/c");
    expect(pool.map(({ folder }) => readdirSync(folder)).sort()).toEqual([["a"], ["b"]]);
    digestIn(await steps.build(machine, step("d", "a")));
    expect((await mountsOf(machine)).filter(({ id }) => id === "/c")).toHaveLength(2);
  });

  test("is one in all stages of a project, at whatever target, and another's with shared: only", async () => {
    const machine = steps.newMachine();
    const text = (suffix: string) => `FROM base AS a
RUN --mount=type=cache,id=x,target=/one --mount=type=cache,id=shared:y,target=/y echo ${suffix} > /one/${suffix} && echo > /y/${suffix}
FROM base
COPY --from=a /data/one /one
RUN --mount=type=cache,id=x,target=/two --mount=type=cache,id=shared:y,target=/z ls /two /z > /seen
`;
    const seen = async (suffix: string, project: string) => {
      const root = steps.world.at(`rootfs-${suffix}`);
      const args = ["-o", `type=rootfs,dest=${root}`, "--no-cache"];
      digestIn(await steps.build(machine, text(suffix), { args, env: { CAMBIUM_PROJECT: project } }));
      return readFileSync(join(root, "seen"), "utf8");
    };
    expect(await seen("first", "p")).toBe("/two:\nfirst\n\n/z:\nfirst\n");
    expect(await seen("second", "q")).toBe("/two:\nsecond\n\n/z:\nfirst\nsecond\n");
    const names = new Set((await mountsOf(machine)).map(({ name }) => name));
    // Elsewhere the same project has the same names.
    const other = steps.newMachine();
    digestIn(await steps.build(other, text("first")));
    expect((await mountsOf(other)).filter(({ name }) => names.has(name))).toHaveLength(2);
  });

  test("of another owner or mode is another mount, and only a new one gets them", async () => {
    const machine = steps.newMachine();
    const step = (flags: string, script: string) =>
      `FROM base\nRUN --mount=type=cache,target=/c${flags} stat -c '%a %u:%g' /c >> /seen; ${script}\n`;
    const root = steps.world.at("owners");
    const seen = async (flags: string, script: string) => {
      rmSync(root, { recursive: true, force: true });
      digestIn(await steps.build(machine, step(flags, script), { args: ["-o", `type=rootfs,dest=${root}`] }));
      return readFileSync(join(root, "seen"), "utf8").trim();
    };
    expect(await seen("", "true")).toBe("755 0:0");
    expect(await seen(",uid=7,gid=8,mode=0700", "chmod 711 /c")).toBe("700 7:8");
    expect(await seen(",uid=7,gid=8,mode=0700", "echo again")).toBe("711 7:8");
    expect(await seen("", "echo once more")).toBe("755 0:0");
    expect(await mountsOf(machine)).toHaveLength(2);
  });

  test("read-only is the same mount, closed", async () => {
    const machine = steps.newMachine();
    digestIn(await steps.build(machine, "FROM base\nRUN --mount=type=cache,target=/c echo x > /c/x\n"));
    const step = "RUN --mount=type=cache,target=/c,readonly cat /c/x && ! touch /c/y";
    digestIn(await steps.build(machine, `FROM base\n${step}\n`));
  });

  const seedStage = (script: string) => `FROM base AS seed\nRUN mkdir /seed && ${script}\nFROM base\n`;
  const useSeed =
    "RUN --mount=type=cache,target=/c,from=seed,source=/seed ls /c > /seen && echo mine > /c/mine\n";

  test("begins as its seed: owners, modes, links, times; and keeps its content when the seed changes", async () => {
    const machine = steps.newMachine();
    const make =
      "cd /seed && mkdir d && echo 1 > d/f && ln d/f hard && ln -s d/f soft && chown 7:8 d/f && chmod 4751 d/f && chmod 1777 d && touch -d '2001-02-03 04:05:06.123456789' d/f && chown 9:9 /seed && chmod 0710 /seed";
    digestIn(await steps.build(machine, seedStage(make) + useSeed));
    const folder = await mountFolder(machine, "/c");
    const file = lstatSync(join(folder, "d/f"), { bigint: true });
    expect([file.mode & 0o7777n, file.uid, file.gid, file.nlink]).toEqual([0o4751n, 7n, 8n, 2n]);
    expect(file.mtimeNs % 1_000_000_000n).toBe(123_456_789n);
    expect(lstatSync(join(folder, "d")).mode & 0o7777).toBe(0o1777);
    expect(readlinkSync(join(folder, "soft"))).toBe("d/f");
    const root = lstatSync(folder);
    expect([root.mode & 0o7777, root.uid]).toEqual([0o710, 9]);
    const changed = await steps.build(machine, seedStage("echo > /seed/new") + useSeed);
    digestIn(changed);
    // The step that has the mount is known; so nobody built the stage of the seed.
    expect(changed.stderr).not.toContain("echo > /seed/new");
    expect(readdirSync(folder).sort()).toEqual(["d", "hard", "mine", "soft"]);
  });

  test("owner and mode that are written go before the seed's, at its root alone", async () => {
    const machine = steps.newMachine();
    const text = seedStage("touch /seed/f && chmod 0710 /seed && chown 9:9 /seed/f") + useSeed;
    digestIn(await steps.build(machine, text.replace("target=/c", "target=/c,uid=7,mode=0750")));
    const folder = await mountFolder(machine, "/c");
    const root = lstatSync(folder);
    expect([root.mode & 0o7777, root.uid, root.gid, lstatSync(join(folder, "f")).uid]).toEqual([
      0o750, 7, 0, 9,
    ]);
  });

  test("an empty seed, and a build that failed, do not keep the next seed away", async () => {
    const machine = steps.newMachine();
    digestIn(await steps.build(machine, seedStage("true") + useSeed.replace(" && echo mine > /c/mine", "")));
    const failing = await steps.build(
      machine,
      seedStage("touch /seed/one") + useSeed.replace("ls /c", "rm /c/one; false"),
    );
    expect(failing.exitCode).toBe(1);
    expect(readdirSync(await mountFolder(machine, "/c"))).toEqual([]);
    digestIn(await steps.build(machine, seedStage("touch /seed/two") + useSeed.replace("ls", "ls -a")));
    expect(readdirSync(await mountFolder(machine, "/c")).sort()).toEqual(["mine", "two"]);
  });

  test("may begin as a folder of an image or of a context; what is no directory is refused", async () => {
    const machine = steps.newMachine();
    const step = (from: string, source: string) =>
      `FROM base\nRUN --mount=type=cache,id=${from}${source},target=/c,from=${from},source=${source} ls /c # ${from}${source}\n`;
    digestIn(await steps.build(machine, step(steps.base, "/data")));
    expect(readdirSync(await mountFolder(machine, `${steps.base}/data`)).sort()).toEqual([
      "deep",
      "one",
      "two",
    ]);
    const context = steps.context("", { "in/a": "a\n", "in/b/c": "c\n" });
    const args = ["--build-context", `named=${context}`];
    digestIn(await steps.build(machine, step("named", "/in"), { args }));
    expect(readdirSync(await mountFolder(machine, "named/in")).sort()).toEqual(["a", "b"]);
    digestIn(await steps.build(machine, step("scratch", "/")));
    expect(readdirSync(await mountFolder(machine, "scratch/"))).toEqual([]);
    for (const source of ["/data/one", "/none"]) {
      const refused = await steps.build(machine, step(steps.base, source));
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain("error[MOUNT_SOURCE]");
    }
  });

  test("a builder killed while it is made leaves all of the seed or nothing", async () => {
    const many = "i=0; while [ $i -lt 400 ]; do echo $i > /seed/$i; i=$((i+1)); done";
    const step = `${seedStage(many)}RUN --mount=type=cache,target=/c,from=seed,source=/seed ls /c | wc -l > /count\n`;
    const clean = steps.newMachine();
    digestIn(await steps.build(clean, step));
    digestIn(await steps.build(clean, step, { args: ["--no-cache"] }));
    const { seconds } = await steps.build(clean, step.replace("/c,", "/c,id=other,"), {
      args: ["--no-cache"],
    });
    const machine = steps.newMachine();
    digestIn(await steps.build(machine, seedStage(many)));
    const kills = 6;
    for (let round = 0; round < kills; round++) {
      const id = `round${round}`;
      const text = step.replace("/c,", `/c,id=${id},`).replace("/count", `/count${round}`);
      const afterMs = ((round + 0.5) / kills) * seconds * 1000;
      await steps.build(machine, text, {
        onStart: (child) => void sleep(afterMs).then(() => child.kill("SIGKILL")),
      });
      const left = (await mountsOf(machine)).find((mount) => mount.id === id);
      if (left !== undefined) expect([0, 400]).toContain(readdirSync(left.folder).length);
      const root = steps.world.at(`killed-${round}`);
      digestIn(await steps.build(machine, text, { args: ["-o", `type=rootfs,dest=${root}`] }));
      expect(readFileSync(join(root, `count${round}`), "utf8").trim()).toBe("400");
    }
  });

  test("a builder killed while its step writes lets go; the next has what was written, alone", async () => {
    const machine = steps.newMachine();
    const writing = `FROM base
RUN --mount=type=cache,target=/c,sharing=locked i=0; while [ $i -lt 100000 ]; do echo $i > /c/$i; i=$((i+1)); done
`;
    const ran = steps.start(machine, writing);
    await eventually(async () => {
      const [mount] = await mountsOf(machine);
      return mount !== undefined && readdirSync(mount.folder).length > 10;
    });
    const child = await ran.child;
    child.kill("SIGKILL");
    await ran.ran;
    const root = steps.world.at("after-kill");
    const next = `FROM base\nRUN --mount=type=cache,target=/c,sharing=locked ls /c | wc -l > /before; sleep 0.3; ls /c | wc -l > /after\n`;
    digestIn(await steps.build(machine, next, { args: ["-o", `type=rootfs,dest=${root}`] }));
    const [before, after] = ["before", "after"].map((name) => Number(readFileSync(join(root, name), "utf8")));
    expect(before).toBeGreaterThan(10);
    expect(after).toBe(before);
    expect(await mountsOf(machine)).toMatchObject([{ isInUse: false, id: "/c" }]);
  });

  test("is listed with its size, pruned by id, age and size, and counted by cache du", async () => {
    const machine = steps.newMachine();
    const write = (id: string, megabytes: number) =>
      `FROM base\nRUN --mount=type=cache,id=${id},target=/c dd if=/dev/zero of=/c/f bs=1M count=${megabytes}\n`;
    for (const [id, size] of [
      ["a", 3],
      ["b", 2],
      ["c", 1],
    ] as const)
      digestIn(await steps.build(machine, write(id, size)));
    const mounts = await mountsOf(machine);
    expect(mounts.map(({ id }) => id)).toEqual(["c", "b", "a"]);
    const sizes = mounts.map(({ sizeBytes }) => Math.floor(sizeBytes / 2 ** 20));
    expect(sizes).toEqual([1, 2, 3]);
    const usage = await machine.run(["cache", "du"]);
    expect(usage.stdout).toMatch(/cache mounts +3 +6\.3 MB/);
    expect(usage.stdout).toMatch(/unpacked layers +\d+ /);
    expect((await machine.run(["cache", "prune", "--unused-for", "0m"])).exitCode).toBe(0);
    expect(await mountsOf(machine)).toHaveLength(3);
    const prune = async (...args: string[]) => {
      const ran = await machine.run(["mount", "prune", "--json", ...args]);
      expect(ran.exitCode, ran.stderr).toBe(0);
      return (JSON.parse(ran.stdout) as MountPruneResult).removed.map(({ id }) => id);
    };
    expect(await prune()).toEqual([]);
    expect(await prune("--id", "b")).toEqual(["b"]);
    expect(await prune("--max-size", "4MB")).toEqual(["a"]);
    expect(await prune("--older-than", "1h")).toEqual([]);
    expect(await prune("--all")).toEqual(["c"]);
    expect(await mountsOf(machine)).toEqual([]);
    digestIn(await steps.build(machine, write("a", 4)));
  });

  test("a prune leaves what a running build uses", async () => {
    const machine = steps.newMachine();
    const run = steps.start(
      machine,
      `FROM base\nRUN --mount=type=cache,target=/s touch /s/a && ${awaitFile("go")} && touch /s/after\n`,
    );
    await eventually(() => hasFile(machine, "a"));
    const pruned = await machine.run(["mount", "prune", "--all"]);
    expect(pruned.stdout).toContain("removed 0 cache mounts");
    const folder = await mountFolder(machine, "/s");
    writeFileSync(join(folder, "go"), "");
    digestIn(await run.ran);
    expect(readdirSync(folder).sort()).toEqual(["a", "after", "go"]);
  });

  test("all together stay below the cap over many builds, the least recently used going first", async () => {
    const machine = steps.newMachine();
    const env = { CAMBIUM_MOUNTS_MAX: "7MB" };
    for (let round = 0; round < 6; round++) {
      const text = `FROM base\nRUN --mount=type=cache,id=m${round},target=/c dd if=/dev/zero of=/c/f bs=1M count=2 # ${round}\n`;
      const ran = await steps.build(machine, text, { env });
      digestIn(ran);
      const mounts = await mountsOf(machine);
      const totalBytes = mounts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      expect(totalBytes).toBeLessThanOrEqual(7e6);
      expect(mounts[0]!.id).toBe(`m${round}`);
      if (round === 3) expect(ran.stderr).toContain("removed the cache mount m0");
    }
    expect((await mountsOf(machine)).map(({ id }) => id)).toEqual(["m5", "m4", "m3"]);
  });

  test("of another day is pruned by its age, records or none", async () => {
    const machine = steps.newMachine();
    digestIn(await steps.build(machine, "FROM base\nRUN --mount=type=cache,target=/c touch /c/x\n"));
    const [mount] = await mountsOf(machine);
    const store = openStore(machine.store);
    store.records.delete("mount", mount!.name);
    store.close();
    utimesSync(mount!.folder, 1, 1);
    expect((await machine.run(["mount", "ls"])).stdout).toContain("records lost");
    expect((await machine.run(["mount", "prune"])).stdout).toContain("removed 1 cache mount,");
    expect(existsSync(mount!.folder)).toBe(false);
  });

  async function hasFile(machine: Machine, name: string): Promise<boolean> {
    const mount = (await mountsOf(machine)).find(({ id }) => id === "/s");
    return mount !== undefined && existsSync(join(mount.folder, name));
  }
});
