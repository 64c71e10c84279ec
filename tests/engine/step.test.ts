import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createEngine } from "../../src/engine/embedded/engine.ts";
import type { StepRequest } from "../../src/engine/embedded/run-step.ts";
import { openStore } from "../../src/store/store.ts";
import { enginePlace, mountsBelow } from "../support/engine-place.ts";
import { programEntries } from "../support/host-layer.ts";
import { layerOf } from "../support/layers.ts";
import { needs, toolOf } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const isReady = needs("root", "runc", "setpriv", "unshare", "mount", "fuse-overlayfs", "perl");

describe.runIf(isReady)("a step", () => {
  test("runs above its layers and leaves what it changed, nothing else", async () => {
    using place = enginePlace();
    const ran = await place.sh(
      "cat /data/one; rm /data/two; echo new > /data/new; mkdir -p /srv/a; chmod 700 /data/deep; echo oops >&2",
      { cwd: "/app/dir" },
    );
    expect(ran).toMatchObject({ exitCode: 0, stdout: "one\n", stderr: "oops\n" });
    expect(ran.lines).toEqual([
      "d app",
      "d app/dir",
      "d data",
      "d data/deep",
      "f data/new",
      "f data/.wh.two",
      "d srv",
      "d srv/a",
    ]);
    expect(mountsBelow(place.path)).toEqual([]);
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });

  test("that changes nothing is no layer, whatever came and went", async () => {
    using place = enginePlace();
    const ran = await place.sh("touch /data/x; rm /data/x; mkdir /data/y; rmdir /data/y; cat /etc/hosts");
    expect(ran.captured).toBeUndefined();
    expect(ran.stdout).toBe("127.0.0.1\tlocalhost cambium\n::1\tlocalhost ip6-localhost ip6-loopback\n");
  });

  test("tells how it ended, and its last lines", async () => {
    using place = enginePlace();
    expect(await place.sh("exit 3")).toMatchObject({ exitCode: 3 });
    // The first process of a container is deaf to signals that it does not wait for, in Docker too.
    expect(await place.sh("sh -c 'kill -TERM $$'; exit $?")).toMatchObject({ exitCode: 143 });
    const many = await place.sh("i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; exit 1");
    expect(many.lastLines).toEqual(Array.from({ length: 40 }, (_, n) => `line ${n + 60}`));
    const missing = place.sh("", { argv: ["/bin/none"] });
    await expect(missing).rejects.toMatchObject({
      code: "STEP_START",
      message: expect.stringContaining("/bin/none"),
      hint: expect.stringContaining("has the command"),
    });
    await expect(place.sh("", { argv: ["/no/bash", "-c", "true"] })).rejects.toMatchObject({
      code: "STEP_START",
      hint: expect.stringContaining("The image has no /no/bash"),
    });
    await expect(place.sh("", { user: "nobody" })).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(mountsBelow(place.path)).toEqual([]);
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });

  test("is who it should be, in a directory of that account, with its home", async () => {
    using place = enginePlace();
    const ran = await place.sh("id; echo $HOME; pwd; stat -c '%u:%g %a' . ..", {
      user: "bob",
      cwd: "/new/here",
    });
    expect(ran.stdout).toBe(
      "uid=7(bob) gid=8(bobs) groups=8(bobs),9(more)\n/home/bob\n/new/here\n7:8 755\n7:8 755\n",
    );
    expect((await place.sh("id -u; id -G", { user: "12:34" })).stdout).toBe("12\n34\n");
  });

  test("has Docker's capabilities, seccomp and masks, and setuid programs work; insecure has all", async () => {
    using place = enginePlace();
    const status = "grep -E '^(Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp):' /proc/self/status; wc -c < /proc/keys";
    expect((await place.sh(status)).stdout.split(/\s+/)).toEqual(
      "CapPrm: 00000000a80425fb CapEff: 00000000a80425fb CapBnd: 00000000a80425fb NoNewPrivs: 0 Seccomp: 2 0 ".split(
        " ",
      ),
    );
    const asBob = await place.sh("cp /bin/id /bin/root-id; chmod 4755 /bin/root-id");
    expect(asBob.exitCode).toBe(0);
    expect((await place.sh("/bin/root-id -u", { user: "bob" })).stdout).toBe("0\n");
    const open = await place.sh(`${status}; ls /dev/loop-control`, { security: "insecure" });
    const own = /^CapEff:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1];
    expect(open.stdout).toContain(`CapEff:\t${own}`);
    expect(open.stdout).toContain("Seccomp:\t0");
    expect(open.stdout).toContain("/dev/loop-control");
  });

  test.runIf(process.arch === "x64")("makes no namespaces and sees no keys of the host", async () => {
    using place = enginePlace();
    place.layers.push(layerOf(...programEntries("perl")));
    // unshare(CLONE_NEWUSER), keyctl(KEYCTL_GET_KEYRING_ID, session), socket(AF_VSOCK): by number on x86-64.
    const calls = [
      [272, 0x10000000],
      [250, 0, -3],
      [41, 40, 1, 0],
    ];
    const script = calls.map((call) => `print syscall(${call.join(", ")}) < 0 ? $! + 0 : "made", "\\n";`);
    const ask = `perl -e '${script.join(" ")}'`;
    expect((await place.sh(ask)).stdout).toBe("1\n1\n1\n");
    expect((await place.sh(ask, { security: "insecure" })).stdout).not.toContain("1\n");
  });

  test("on a store that is on overlayfs runs through fuse-overlayfs, to the same layer", async () => {
    const script = "rm /data/one; echo x > /data/two; mkdir /srv; rm -r /data/deep; mkdir /data/deep";
    const digests: unknown[] = [];
    using folder = temporaryFolder();
    for (const name of ["l", "u", "w", "m"]) mkdirSync(folder.at(name));
    const options = `lowerdir=${folder.at("l")},upperdir=${folder.at("u")},workdir=${folder.at("w")}`;
    execFileSync("mount", ["-t", "overlay", "-o", options, "overlay", folder.at("m")]);
    try {
      for (const root of [folder.at("m"), folder.at("plain")]) {
        using place = enginePlace({ root });
        const ran = await place.sh(script, { user: "root", cwd: "/data" }, { latestSec: 1 });
        expect(ran.stderr).toBe("");
        digests.push({ lines: ran.lines, diffId: ran.captured?.record.diffId });
        expect((await place.sh("cat /data/two; ls -a /data/deep | wc -l")).stdout).toBe("x\n2\n");
      }
    } finally {
      execFileSync("umount", ["--lazy", folder.at("m")]);
    }
    expect(digests[0]).toEqual(digests[1]);
  });

  test("says before any work what the machine lacks, the wrong tar among it", async () => {
    using folder = temporaryFolder();
    const busybox = "#!/bin/sh\necho 'BusyBox v1.37.0 multi-call binary'\n";
    writeFileSync(folder.at("tar"), busybox, { mode: 0o755 });
    const store = openStore(folder.at("store"));
    const searchPath = `${folder.path}:${process.env.PATH}`;
    const engine = createEngine({ store, searchPath, runtime: "no-such-runtime" });
    await expect(engine.check()).rejects.toMatchObject({
      ...{ code: "ENGINE_MISSING", exitCode: 3 },
      message: expect.stringMatching(/lacks: no-such-runtime, tar of GNU tar instead of /),
      hint: expect.stringContaining("apt-get install tar"),
    });
    expect(readdirSync(folder.at("store"))).not.toContain("trees-v1");
    store.close();
  });

  test("sees the host's network or none", async () => {
    using place = enginePlace();
    const list = "cat /proc/net/dev | grep -c :; wc -l < /etc/resolv.conf";
    expect((await place.sh(list, { network: "none" })).stdout).toBe("1\n0\n");
    const host = readFileSync("/proc/net/dev", "utf8")
      .split("\n")
      .filter((line) => line.includes(":"));
    const resolv = readFileSync("/etc/resolv.conf", "utf8").split("\n").length - 1;
    expect((await place.sh(list, { network: "host" })).stdout).toBe(`${host.length}\n${resolv}\n`);
    const extra = await place.sh("tail -n 1 /etc/hosts", {
      extraHosts: [{ name: "db", address: "10.0.0.1" }],
    });
    expect(extra.stdout).toBe("10.0.0.1\tdb\n");
  });

  test("has the limits that it was given", async () => {
    using place = enginePlace();
    const ran = await place.sh("ulimit -n; ulimit -Hn; grep /dev/shm /proc/mounts", {
      ulimits: [{ name: "nofile", soft: 100, hard: 200 }],
      shmBytes: 1 << 20,
    });
    expect(ran.stdout).toMatch(/^100\n200\nshm .*size=1024k/);
  });

  test("leaves no process behind", async () => {
    using place = enginePlace();
    const marker = `${31_000 + (process.pid % 1000)}`;
    const ran = await place.sh(`(sleep ${marker} &) ; sleep ${marker} & echo started`);
    expect(ran.stdout).toBe("started\n");
    expect(processesWith(marker)).toEqual([]);
  });

  test("ends when it is told to, with all its processes", async () => {
    using place = enginePlace();
    const trees = await place.trees();
    const control = new AbortController();
    const marker = `${32_000 + (process.pid % 1000)}`;
    const argv = ["/bin/sh", "-c", `echo ready; sleep ${marker} & sleep ${marker}`];
    const request: StepRequest = {
      ...{ trees, argv, env: ["PATH=/bin"], cwd: "/", user: "", mounts: [] },
      ...{ network: "none", security: "sandbox" },
    };
    const running = place.engine.runStep(request, () => control.abort(new Error("enough")), control.signal);
    await expect(running).rejects.toThrow("enough");
    expect(processesWith(marker)).toEqual([]);
    expect(mountsBelow(place.path)).toEqual([]);
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });

  test("may delete everything it sees", async () => {
    using place = enginePlace();
    writeFileSync(join(place.path, "witness"), "here");
    const ran = await place.sh("rm -rf --no-preserve-root / 2>/dev/null; echo done");
    expect(ran.stdout).toBe("done\n");
    expect(readFileSync(join(place.path, "witness"), "utf8")).toBe("here");
    expect(readFileSync("/etc/hostname", "utf8").length).toBeGreaterThan(0);
    // /etc holds two files that are lent.
    const roots = new Set((await readTree(place)).filter((name) => name !== "etc"));
    expect(ran.lines.filter((line) => line.startsWith("f .wh."))).toEqual(
      [...roots].sort().map((name) => `f .wh.${name}`),
    );
    expect(ran.lines).toContain("f etc/.wh.passwd");
  });

  test("that fills the disk says so itself, and its layer does too", async () => {
    using disk = smallDisk(24);
    using place = enginePlace({ root: disk.path });
    const ran = await place.sh("dd if=/dev/zero of=/big bs=1M count=64").catch((error: unknown) => error);
    expect(ran).toMatchObject({ code: "DISK_FULL", hint: expect.stringContaining("prune") });
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });
});

async function readTree(place: ReturnType<typeof enginePlace>): Promise<string[]> {
  const [first] = await place.trees();
  return readdirSync(join(place.path, "trees-v1", first!));
}

/** A file system of so many MB in memory. */
function smallDisk(megabytes: number): Disposable & { readonly path: string } {
  const folder = temporaryFolder();
  execFileSync(toolOf("mount"), ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder.path]);
  return {
    path: folder.path,
    [Symbol.dispose]() {
      execFileSync("umount", ["--lazy", folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

function processesWith(word: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return words[0]?.endsWith("sleep") === true && words.includes(word) ? [pid] : [];
      } catch {
        return [];
      }
    });
}
