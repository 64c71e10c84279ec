import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { EngineMount } from "../../src/engine/embedded/step-mounts.ts";
import { enginePlace } from "../support/engine-place.ts";
import { programEntries } from "../support/host-layer.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const isReady = needs("root", "runc", "setpriv", "unshare", "mount", "perl");
const owner = { mode: 0o400, uid: 7, gid: 8 };

describe.runIf(isReady)("mounts of a step", () => {
  test("are there for the step and leave nothing in its layer, their mount points included", async () => {
    using place = enginePlace();
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "from the host\n");
    await place.engine.makeFolder(folder.at("cache", "root"), { owner: { ...owner, mode: 0o751 } });
    const mounts: EngineMount[] = [
      { type: "bind", source: { kind: "host", path: folder.path }, target: "/in/deep/ro", isReadOnly: true },
      { type: "bind", source: { kind: "host", path: folder.path }, target: "/in/rw", isReadOnly: false },
      { type: "bind", source: { kind: "host", path: folder.at("file") }, target: "/in/f", isReadOnly: false },
      { type: "cache", folder: folder.at("cache", "root"), target: "/cache", isReadOnly: false },
      { type: "tmpfs", target: "/data/scratch", sizeBytes: 1 << 20 },
      { type: "file", content: Buffer.from("s3cret"), target: "/run/secrets/key", ...owner },
    ];
    const ran = await place.sh(
      `cat /in/deep/ro/file /in/rw/file /in/f; echo no > /in/deep/ro/x || echo refused
       echo changed > /in/rw/file; cat /in/rw/file; rm -r /in/rw/cache; echo mine > /in/f; cat /in/f
       stat -c '%a %u:%g' /cache /run/secrets/key; cat /run/secrets/key; echo; echo kept > /cache/k
       grep -c ' /data/scratch tmpfs' /proc/mounts; dd if=/dev/zero of=/data/scratch/z bs=1M count=2 || true`,
      { mounts },
    );
    expect(ran.stdout).toBe(
      "from the host\nfrom the host\nfrom the host\nrefused\nchanged\nmine\n751 7:8\n400 7:8\ns3cret\n1\n",
    );
    expect(ran.stderr).toContain("No space left");
    expect(ran.captured).toBeUndefined();
    expect(readFileSync(folder.at("file"), "utf8")).toBe("from the host\n");
    expect(readFileSync(folder.at("cache", "root", "k"), "utf8")).toBe("kept\n");
    expect(statSync(folder.at("cache", "root")).uid).toBe(7);
  });

  test("keep a secret in memory", async () => {
    using place = enginePlace();
    const secret = `never-on-disk-${process.pid}-${Date.now()}`;
    const mounts: EngineMount[] = [{ type: "file", content: Buffer.from(secret), target: "/s", ...owner }];
    const trees = await place.trees();
    const seen: string[] = [];
    const step = await place.engine.runStep(
      {
        ...{ trees, mounts, cwd: "/", user: "", network: "none", security: "sandbox" },
        argv: ["/bin/sh", "-c", "wc -c < /s; echo go; sleep 0.2"],
        env: ["PATH=/bin", `TOKEN=${secret}`],
      },
      (line) => {
        // In the middle of the step, all that is on disk is the store.
        if (line === "go") seen.push(grep(secret, place.path));
      },
    );
    expect(step.exitCode).toBe(0);
    expect(seen).toEqual([""]);
    expect(grep(secret, place.path)).toBe("");
    await step.remove();
  });

  test("show a path of another stage's layers", async () => {
    using place = enginePlace();
    const below = await place.engine.treeOf(
      layerOf({ path: "a", directory: true }, { path: "a/x", file: "1\n" }),
      [],
    );
    const above = await place.engine.treeOf(
      layerOf({ path: "a", directory: true }, { path: "a/y", file: "2\n" }, { path: "l", link: "/a" }),
      [below],
    );
    const source = (path: string) => ({ kind: "trees", trees: [below, above], path }) as const;
    const mounts: EngineMount[] = [
      { type: "bind", source: source("/l"), target: "/m", isReadOnly: true },
      { type: "bind", source: source("/a/x"), target: "/x", isReadOnly: true },
      { type: "bind", source: source("/"), target: "/w", isReadOnly: false },
    ];
    const ran = await place.sh("cat /m/x /m/y /x; rm /w/a/x; ls /w/a; touch /m/z || echo refused", {
      mounts,
    });
    expect(ran.stdout).toBe("1\n2\n1\ny\nrefused\n");
    expect(ran.captured).toBeUndefined();
    const missing: EngineMount[] = [
      { type: "bind", source: source("/none"), target: "/m", isReadOnly: true },
    ];
    await expect(place.sh("", { mounts: missing })).rejects.toMatchObject({ code: "MOUNT_SOURCE" });
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });

  test("lend the host's certificates where the image has some, and the step may replace them", async () => {
    using place = enginePlace();
    const bundle = "etc/ssl/certs/ca-certificates.crt";
    const directories = ["etc", "etc/ssl", "etc/ssl/certs"].map(
      (path) => ({ path, directory: true }) as const,
    );
    const caBundle = Buffer.from("lent\n");
    expect((await place.sh("ls /etc/ssl || true", { caBundle })).stdout).toBe("");
    place.layers.push(
      layerOf(
        ...directories,
        { path: bundle, file: "own\n" },
        { path: "etc/ssl/cert.pem", link: `/${bundle}` },
      ),
    );
    const ran = await place.sh("cat /etc/ssl/cert.pem; chmod 600 /etc/ssl/certs/*; touch /x", { caBundle });
    expect(ran.stdout).toBe("lent\n");
    expect(ran.lines).toEqual(["f x"]);
    const replaced = await place.sh(`echo more > /n; mv /n /${bundle}; cat /${bundle}`, { caBundle });
    expect(replaced.stdout).toBe("more\n");
    expect(replaced.lines).toEqual(["d etc", "d etc/ssl", "d etc/ssl/certs", `f ${bundle}`]);
    expect((await place.sh(`cat /${bundle}`)).stdout).toBe("more\n");
  });

  test("lend an ssh agent's socket", async () => {
    using place = enginePlace();
    using folder = temporaryFolder();
    place.layers.push(layerOf(...programEntries("perl")));
    const server = createServer((socket) => socket.end("hello\n")).listen(folder.at("agent"));
    try {
      const mounts: EngineMount[] = [{ type: "ssh", socket: folder.at("agent"), target: "/run/ssh/agent.0" }];
      const talk = `perl -e 'socket(S, 1, 1, 0); connect(S, pack("Sa*", 1, "/run/ssh/agent.0")) or die $!; print <S>'`;
      const ran = await place.sh(talk, { mounts });
      expect(ran).toMatchObject({ stderr: "", stdout: "hello\n" });
      expect(ran.captured).toBeUndefined();
    } finally {
      server.close();
    }
  });

  test("stay out of the way of what the step itself makes there", async () => {
    using place = enginePlace();
    const mounts: EngineMount[] = [{ type: "tmpfs", target: "/made/for/cache" }];
    const ran = await place.sh("touch /made/for/cache/x /made/kept", { mounts });
    expect(ran.lines).toEqual(["d made", "f made/kept"]);
    const again = await place.sh("ln -s /etc /elsewhere", { mounts });
    expect(again.lines).toEqual(["s elsewhere -> /etc"]);
  });
});

function grep(text: string, folder: string): string {
  try {
    return execFileSync("grep", ["-rlF", "--", text, folder], { encoding: "utf8" });
  } catch {
    return "";
  }
}
