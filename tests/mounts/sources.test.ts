import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MountRestoreResult, MountSnapshotResult } from "../../src/actions/results.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { startGit, tarOf } from "../copy/places.ts";
import {
  eventually,
  mountFolder,
  mountsOf,
  type StepWorld,
  startStepWorld,
} from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import type { Machine } from "../support/registry-bases.ts";
import { exactTree } from "./mount-place.ts";

const STEP = `RUN --mount=type=cache,id=tool,target=/c,uid=7,mode=0750 \\
  if [ -e /c/big ]; then echo warm > /seen; else echo cold > /seen; fi; \\
  head -c 200000 /dev/urandom > /c/big; mkdir -p /c/d; ln -f /c/big /c/d/link; touch -d @1.25 /c/d`;

describe.runIf(needs("docker-registry", "runc", "root", "git"))("a cache mount", () => {
  let steps: StepWorld;
  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => {
    await steps?.[Symbol.asyncDispose]();
  });

  /** Builds with one step, which says whether it found its mount warm. */
  const build = async (machine: Machine, script = "true") => {
    const root = steps.world.at(`rootfs-${count++}`);
    const args = ["-o", `type=rootfs,dest=${root}`, "--no-cache"];
    digestIn(await steps.build(machine, `FROM base\n${STEP}; ${script}\n`, { args }));
    return readFileSync(join(root, "seen"), "utf8").trim();
  };
  let count = 0;
  const json = async <T>(machine: Machine, ...args: string[]): Promise<T> => {
    const ran = await machine.run([...args, "--json", "--project", "p"]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    return JSON.parse(ran.stdout) as T;
  };
  const snapshot = (machine: Machine, ...args: string[]) =>
    json<MountSnapshotResult>(machine, "mount", "snapshot", "tool", ...args);
  const restore = (machine: Machine, source: string, ...args: string[]) =>
    json<MountRestoreResult>(machine, "mount", "restore", "tool", source, ...args);

  test("goes to a registry and to a machine that knows nothing: warm there; what is added is one small layer", async () => {
    const here = steps.newMachine();
    expect(await build(here)).toBe("cold");
    const reference = `${steps.world.registry.address}/app/tool-cache`;
    const first = await snapshot(here, "-t", reference);
    expect(first).toMatchObject({ packed: "whole", layers: 1, outputs: [{ type: "registry" }] });
    const there = steps.newMachine();
    expect((await restore(there, reference)).state).toBe("restored");
    expect(exactTree(await mountFolder(there, "tool"))).toEqual(exactTree(await mountFolder(here, "tool")));
    expect(await build(there, "head -c 1000000 /dev/urandom > /c/wheel; touch -r /c/d /c/big")).toBe("warm");
    await steps.world.forget();
    const second = await snapshot(there, "-t", reference);
    expect(second).toMatchObject({ packed: "changes", layers: 2 });
    // The step writes its 200 kB anew.
    expect(second.packedBytes).toBeLessThan(1_210_000);
    expect((await snapshot(there, "-t", reference)).packed).toBe("nothing");
    // The first machine goes on from there.
    expect((await restore(here, `${reference}@${second.digest}`)).state).toBe("restored");
    expect(exactTree(await mountFolder(here, "tool"))).toEqual(exactTree(await mountFolder(there, "tool")));
    const [listed] = await mountsOf(here);
    expect(listed?.snapshot).toMatchObject({ layers: 2, sizeBytes: second.sizeBytes });
  });

  test("is an ordinary image: a stage can take it", async () => {
    const machine = steps.newMachine();
    await build(machine);
    const reference = `${steps.world.registry.address}/app/copied`;
    await snapshot(machine, "-t", reference);
    const root = steps.world.at("copied");
    const text = `FROM base\nCOPY --from=${reference} /d/link /link\n`;
    digestIn(await steps.build(machine, text, { args: ["-o", `type=rootfs,dest=${root}`] }));
    const big = join(await mountFolder(machine, "tool"), "big");
    expect(readFileSync(join(root, "link")).equals(readFileSync(big))).toBe(true);
  });

  test("goes through a folder, by path and as oci-layout://", async () => {
    const here = steps.newMachine();
    await build(here);
    const layout = steps.world.at("layout");
    const { digest } = await snapshot(here, "-o", layout);
    for (const source of [layout, `oci-layout://${layout}`, `oci-layout://${layout}@${digest}`]) {
      const there = steps.newMachine();
      expect(await restore(there, source)).toMatchObject({ state: "restored", id: "tool", project: "p" });
      expect(await build(there)).toBe("warm");
    }
  });

  const plain = async (machine: Machine) => {
    const folder = await mountFolder(machine, "tool");
    const names = readdirSync(folder).sort();
    return { folder, names, root: statSync(folder) };
  };

  test("is filled from a plain folder, with the owner that is stated, and keeps it with --if-empty", async () => {
    const machine = steps.newMachine();
    const source = steps.world.at("plain");
    mkdirSync(join(source, "d"), { recursive: true });
    writeFileSync(join(source, "d/file"), "content");
    const owner = ["--uid", "7", "--mode", "0750"];
    expect((await restore(machine, source, ...owner)).state).toBe("restored");
    const { folder, names, root } = await plain(machine);
    expect([names, root.uid, root.mode & 0o7777]).toEqual([["d"], 7, 0o750]);
    expect(exactTree(join(folder, "d"))).toEqual(exactTree(join(source, "d")));
    writeFileSync(join(source, "second"), "");
    expect((await restore(machine, source, "--if-empty")).state).toBe("kept");
    expect((await plain(machine)).names).toEqual(["d"]);
    expect((await restore(machine, source)).state).toBe("restored");
    expect((await plain(machine)).names).toEqual(["d", "second"]);
    // A build has it as its own.
    await build(machine);
    expect(await mountsOf(machine)).toHaveLength(1);
  });

  test("is filled from a git repository", async () => {
    await using git = await startGit();
    const machine = steps.newMachine();
    expect((await restore(machine, `${git.url}#other`)).state).toBe("restored");
    const { folder, names } = await plain(machine);
    expect(names).toContain("other.txt");
    expect(names).not.toContain(".git");
    expect(readFileSync(join(folder, "other.txt"), "utf8")).toBe("other");
  });

  test("is filled from an archive by HTTP, whose checksum must be stated and right", async () => {
    const archive = zstdCompressSync(tarOf([{ path: "d" }, { path: "d/x", text: "from the archive" }]));
    const server = createServer((request, response) => {
      response.statusCode = request.url === "/cache.tar.zst" ? 200 : 404;
      response.end(archive);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cache.tar.zst`;
    try {
      const machine = steps.newMachine();
      const run = (...args: string[]) =>
        machine.run(["mount", "restore", "tool", url, "--project", "p", ...args]);
      expect((await run()).stderr).toContain("error[MOUNT_CHECKSUM]");
      expect((await run("--checksum", digestOf("other"))).stderr).toContain("error[DIGEST_INVALID]");
      expect(await mountsOf(machine)).toEqual([]);
      expect((await restore(machine, url, "--checksum", digestOf(archive))).state).toBe("restored");
      const { folder } = await plain(machine);
      expect(readFileSync(join(folder, "d/x"), "utf8")).toBe("from the archive");
    } finally {
      server.close();
    }
  });

  test("that is in use is neither snapshotted nor replaced; one that is not here is named", async () => {
    const machine = steps.newMachine();
    const go = "i=0; while [ ! -e /c/go ] && [ $i -lt 600 ]; do sleep 0.05; i=$((i+1)); done";
    const one = "RUN --mount=type=cache,id=tool,target=/c,sharing=shared touch /c/begun";
    const started = steps.start(machine, `FROM base\n${one} && ${go}\n`);
    await eventually(async () => {
      const folder = (await mountsOf(machine)).find(({ isInUse }) => isInUse)?.folder;
      return folder !== undefined && existsSync(join(folder, "begun"));
    });
    const found = await mountFolder(machine, "tool");
    const layout = steps.world.at("never");
    const source = steps.world.at("other");
    mkdirSync(source);
    const tried = [
      ["snapshot", "tool", "-o", layout],
      ["restore", "tool", source],
    ];
    for (const args of tried) {
      const ran = await machine.run(["mount", ...args, "--project", "p"]);
      expect([ran.exitCode, ran.stderr]).toEqual([1, expect.stringContaining("error[MOUNT_IN_USE]")]);
    }
    writeFileSync(join(found, "go"), "");
    digestIn(await started.ran);
    expect(readdirSync(found).sort()).toEqual(["begun", "go"]);
    const unknown = await machine.run(["mount", "snapshot", "other", "-o", layout, "--project", "p"]);
    expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining("error[MOUNT_UNKNOWN]")]);
    const nowhere = await machine.run(["mount", "snapshot", "tool", "--project", "p"]);
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([
      2,
      expect.stringContaining("error[MOUNT_DESTINATION]"),
    ]);
  });
});
