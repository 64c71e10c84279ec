import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { needs, toolOf } from "../support/needs.ts";
import { asStranger, STRANGER, stranger, strangersHome } from "../support/stranger.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const isReady = needs("root", "runc", "crun", "newuidmap", "setpriv", "unshare", "mount", "fuse-overlayfs");
const builder = fileURLToPath(new URL("../support/step-in-process.ts", import.meta.url));
const folders = fileURLToPath(new URL("../support/folder-in-process.ts", import.meta.url));
const script = `id; umask; stat -c '%n %a %u:%g' /bin/sh / /etc/hosts; cat /data/one
  mkdir /data/sub; echo a > /data/a; chown bob:bobs /data/a; chown 40000:40001 /data/sub; chmod 2750 /data/sub
  rm /data/two; rm -r /data/deep; mkdir /data/deep; echo b > /data/deep/b; ln /data/a /hard; ln -s a /data/l
  cp /bin/id /bin/bob-id; chown bob /bin/bob-id; chmod 4755 /bin/bob-id; mkfifo /f`;

describe.runIf(isReady)("as a plain user", () => {
  let want = "";
  beforeAll(() => {
    using folder = temporaryFolder();
    want = build(["env"], folder.at("store")).stdout;
  });

  test("the same with another umask", () => {
    using folder = strangersHome();
    const careful = ["sh", "-c", 'umask 077 && exec "$0" "$@"'];
    expect(build([...careful, "env"], folder.at("root-store")).stdout).toBe(want);
    expect(build([...asStranger(folder), ...careful], folder.at("store")).stdout).toBe(want);
  });

  for (const runtime of ["runc", "crun"]) {
    test(`${runtime} gives root's layer, ids and all`, () => {
      using folder = strangersHome();
      const ran = build([...withoutHybridCgroups(runtime), ...asStranger(folder)], folder.at("store"), {
        RUNTIME: runtime,
      });
      expect(ran.stderr).toBe("");
      expect(ran.stdout).toBe(want);
      expect(readdirSync(join(folder.at("store"), "runs-v1"))).toEqual([]);
    });
  }

  test("so does fuse-overlayfs", () => {
    using folder = strangersHome();
    const ran = build(asStranger(folder), folder.at("store"), { OVERLAY: "fuse" });
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toBe(want);
  });

  for (const overlay of ["kernel", "fuse"]) {
    test(`mounts are as they are for root (${overlay})`, () => {
      using folder = strangersHome();
      mkdirSync(folder.at("lent"));
      writeFileSync(folder.at("lent", "file"), "lent\n");
      execFileSync("chown", ["-R", `${STRANGER}:${STRANGER}`, folder.at("lent")]);
      const env = { LENT: folder.at("lent"), OVERLAY: overlay };
      const look = `cat /in/ro/file /in/rw/file /in/stage/one /run/secret; echo x > /in/ro/x || echo refused
        echo t > /in/rw/tmp/t; stat -c '%a %u:%g' /cache /run/secret; echo kept > /cache/k; id -u`;
      const ran = build(asStranger(folder), folder.at("store"), env, look);
      expect(ran.stderr).toBe("");
      const lines = ["lent", "lent", "one", "secret", "refused", "700 7:8", "400 7:8", "7", "undefined", ""];
      expect(ran.stdout.split("\n").filter((line) => !line.includes("cannot create"))).toEqual(lines);
      expect(readFileSync(folder.at("lent", "cache", "root", "k"), "utf8")).toBe("kept\n");
    });
  }

  test("folders that steps share are made, measured and discarded as root does it", () => {
    const seen = "700 7:8\n/c 750 0:0\n/c/kept 4755 0:0\n/c 700 7:8\n/c/kept 4755 0:0\n2 MiB\nfalse\n";
    const ways = [
      { wrapper: () => ["env"], overlay: "" },
      { wrapper: asStranger, overlay: "" },
      { wrapper: asStranger, overlay: "fuse" },
    ];
    for (const { wrapper, overlay } of ways) {
      using folder = strangersHome();
      const ran = build(wrapper(folder), folder.at("store"), { OVERLAY: overlay }, "", folders);
      expect(ran).toEqual({ stderr: "", stdout: seen });
      expect(readdirSync(join(folder.at("store"), "runs-v1"))).toEqual([]);
    }
  });

  test("what is missing is said before anything happens", () => {
    using folder = strangersHome();
    const ran = build(stranger, folder.at("store"));
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/RUN needs what this machine lacks: ids for .*\/etc\/subuid/);
    expect(readdirSync(folder.at("store"))).not.toContain("trees-v1");
    const hidden = ["runc", "crun", "newuidmap", "tar"]
      .map(toolOf)
      .map((path) => `mount --bind /dev/null ${path}`);
    const bare = ["unshare", "--mount", "sh", "-c", `${hidden.join(" && ")} && exec "$0" "$@"`, ...stranger];
    expect(build(bare, folder.at("store")).stderr).toMatch(/lacks: runc or crun, tar, newuidmap/);
  });
});

/** crun 1.8 runs nowhere where cgroup v1 and v2 are mixed: there it is shown v1 only, in a mount namespace. */
function withoutHybridCgroups(runtime: string): string[] {
  const unified = "/sys/fs/cgroup/unified";
  if (runtime !== "crun" || !existsSync(unified)) return [];
  return ["unshare", "--mount", "sh", "-c", `umount ${unified} && exec "$0" "$@"`];
}

function build(
  wrapper: readonly string[],
  store: string,
  env: Readonly<Record<string, string>> = {},
  step: string | undefined = script,
  file = builder,
): { readonly stdout: string; readonly stderr: string } {
  const [program, ...args] = [
    ...wrapper,
    process.execPath,
    file,
    store,
    ...(step === undefined ? [] : [step]),
  ];
  const ran = spawnSync(program!, args, { encoding: "utf8", cwd: "/", env: { ...process.env, ...env } });
  return { stdout: ran.stdout, stderr: ran.stderr };
}
