import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { extractRootfs } from "../../src/image/outputs/rootfs.ts";
import { layerOf } from "../support/layers.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Does what its first argument says and prints what it sees; static, so that an image of one file can run it. */
const PROBE = String.raw`
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <grp.h>
#include <fcntl.h>
extern char **environ;
static void onterm(int s) { printf("signal %d\n", s); fflush(stdout); _exit(40 + s); }
static void file(const char *p) {
  char b[4096]; int f = open(p, O_RDONLY); if (f < 0) { printf("%s: %s\n", p, strerror(errno)); return; }
  int n; while ((n = read(f, b, sizeof b)) > 0) fwrite(b, 1, n, stdout); close(f);
}
int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "exit")) return atoi(argv[2]);
  if (!strcmp(what, "args")) for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
  if (!strcmp(what, "env")) for (char **e = environ; *e; e++) printf("%s\n", *e);
  if (!strcmp(what, "who")) {
    gid_t g[32]; int n = getgroups(32, g); char cwd[4096];
    printf("%d:%d", getuid(), getgid()); for (int i = 0; i < n; i++) printf(" %d", g[i]);
    printf("\n%s\n", getcwd(cwd, sizeof cwd));
  }
  if (!strcmp(what, "cat")) for (int i = 2; i < argc; i++) file(argv[i]);
  if (!strcmp(what, "write")) {
    int f = open(argv[2], O_WRONLY | O_CREAT, 0644);
    printf("%s\n", f < 0 ? strerror(errno) : write(f, "x", 1) == 1 ? "written" : strerror(errno));
  }
  if (!strcmp(what, "stdin")) { char b[100]; int n = read(0, b, 100); printf("%d\n", n); }
  if (!strcmp(what, "wait")) { signal(SIGTERM, onterm); signal(SIGINT, onterm); printf("ready\n"); fflush(stdout); for (;;) pause(); }
  return 0;
}
`;

const library = fileURLToPath(new URL("../../src/engine/embedded/run.ts", import.meta.url));
/** A process of its own per run: the container's output goes to inherited descriptors, and signals to a process. */
const RUNNER = `
const { runImage } = await import(process.argv[1]);
const settings = JSON.parse(process.argv[2]);
const controller = new AbortController();
if (settings.abortAfterMs) setTimeout(() => controller.abort(), settings.abortAfterMs);
const events = [];
try {
  process.exitCode = await runImage({ ...settings, signal: controller.signal }, (event) => events.push(event));
} catch (error) {
  console.error(error.code + ": " + error.message);
  process.exitCode = 99;
}
for (const event of events) if (event.type === "notice") console.error("notice: " + event.message);
`;

const folder = temporaryFolder();
const probe = folder.at("probe");
const isRoot = process.getuid?.() === 0;
/** An id that has no account and no ranges on any machine. */
const STRANGER = 54321;

beforeAll(() => {
  writeFileSync(folder.at("probe.c"), PROBE);
  execFileSync("cc", ["-static", "-O1", "-o", probe, folder.at("probe.c")]);
  chmodSync(folder.path, 0o755);
});
afterAll(() => folder[Symbol.dispose]());

let count = 0;
async function rootfs(owner = 0): Promise<{ rootfsDir: string; workDir: string }> {
  count += 1;
  const rootfsDir = folder.at(`r${count}`);
  const workDir = folder.at(`w${count}`);
  mkdirSync(workDir);
  const layer = layerOf(
    { path: "probe", file: readFileSync(probe), mode: 0o755, owner },
    { path: "etc", directory: true, owner },
    { path: "etc/passwd", file: "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n", owner },
    { path: "etc/group", file: "root:x:0:\nextra:x:2002:app,other\n", owner },
    { path: "etc/hosts", link: "../../../../../../etc/shadow-of-host" },
    { path: "tmp", directory: true, mode: 0o777, owner },
  );
  await extractRootfs({ layers: [layer] }, rootfsDir, () => undefined);
  for (const path of [rootfsDir, workDir]) chownSync(path, owner, owner);
  return { rootfsDir, workDir };
}

type Given = Record<string, unknown> & { config?: Record<string, unknown>; args?: readonly string[] };
type Options = { readonly as?: number; readonly input?: string };

function command(
  given: Given,
  where: { rootfsDir: string; workDir: string },
  { as }: Options,
): [string, string[]] {
  const settings = {
    config: {},
    env: [],
    args: [],
    volumes: [],
    searchPath: "/usr/sbin:/usr/bin:/sbin:/bin",
    network: "host",
    hasTerminal: false,
    hasStdin: false,
    ...where,
    ...given,
  };
  const args = ["--input-type=module", "--eval", RUNNER, library, JSON.stringify(settings)];
  const own = as === undefined ? [] : ["setpriv", `--reuid=${as}`, `--regid=${as}`, "--clear-groups"];
  const [program, ...rest] = [...withoutHybridCgroups(given), ...own, process.execPath, ...args];
  return [program!, rest];
}

/** crun 1.8 runs nowhere where cgroup v1 and v2 are mixed: there it is shown v1 only, in a mount namespace. */
function withoutHybridCgroups(given: Given): string[] {
  const unified = "/sys/fs/cgroup/unified";
  if (given.runtime !== "crun" || !existsSync(unified)) return [];
  return ["unshare", "--mount", "sh", "-c", `umount ${unified} && exec "$0" "$@"`];
}

async function run(given: Given, options: Options = {}) {
  const where = await rootfs(options.as ?? 0);
  const [program, args] = command(given, where, options);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], cwd: "/" });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  child.stdin.end(options.input ?? "");
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, lines: stdout.split(/\r?\n/).slice(0, -1), stderr, ...where };
}

const cases = ["runc", "crun"].flatMap((runtime) => [
  { runtime, as: undefined, label: `${runtime} as root` },
  { runtime, as: STRANGER, label: `${runtime} rootless` },
]);

describe.skipIf(!isRoot).for(cases)("$label", ({ runtime, as }) => {
  const options: Options = as === undefined ? {} : { as };

  test("entrypoint and arguments arrive as they are, and the exit code comes back", async () => {
    const config = { Entrypoint: ["/probe", "args"], Cmd: ["not this"] };
    const result = await run({ runtime, config, args: ["a b", "", "$HOME;*"] }, options);
    expect(result).toMatchObject({ code: 0, lines: ["/probe", "args", "a b", "", "$HOME;*"] });
    expect((await run({ runtime, args: ["/probe", "exit", "43"] }, options)).code).toBe(43);
  });

  test("the environment is the image's with the caller's over it, and nothing of the host's", async () => {
    const config = { Env: ["A=1", "B=2"], Cmd: ["/probe", "env"] };
    const { lines } = await run({ runtime, config, env: [["B", "3"]] }, options);
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    expect(lines.toSorted()).toEqual(["A=1", "B=3", "HOME=/root", path]);
  });

  test("the working directory is made when the image lacks it", async () => {
    const config = { WorkingDir: "/srv/app", Cmd: ["/probe", "who"] };
    expect((await run({ runtime, config }, options)).lines).toEqual(["0:0", "/srv/app"]);
  });

  test("no new privileges, Docker's capabilities, masked and read-only paths", async () => {
    const { lines } = await run(
      { runtime, args: ["/probe", "cat", "/proc/self/status", "/proc/keys"] },
      options,
    );
    expect(lines).toContain("NoNewPrivs:\t1");
    // crun without a cgroup that holds back devices goes without CAP_MKNOD (bit 27).
    const isFull = runtime === "runc" || as !== undefined || existsSync("/sys/fs/cgroup/cgroup.controllers");
    const capabilities = isFull ? "a80425fb" : "a00425fb";
    for (const set of ["CapPrm", "CapEff", "CapBnd"])
      expect(lines).toContain(`${set}:\t00000000${capabilities}`);
    expect(lines).toContain("CapInh:\t0000000000000000");
    expect(lines.at(-1)).toMatch(/^\S/); // /proc/keys gives nothing
    const write = await run({ runtime, args: ["/probe", "write", "/proc/sys/kernel/hostname"] }, options);
    expect(write.lines[0]).toMatch(/^(Read-only file system|Permission denied)$/);
  });

  test("without a network there is only the loopback", async () => {
    const { lines } = await run(
      { runtime, network: "none", args: ["/probe", "cat", "/proc/net/dev"] },
      options,
    );
    expect(lines.slice(2).map((line) => line.split(":")[0]!.trim())).toEqual(["lo"]);
  });

  test("a volume is seen inside, and written only when allowed", async () => {
    const source = folder.at(`v${runtime}${as ?? 0}`);
    mkdirSync(source);
    writeFileSync(`${source}/f`, "from the host\n");
    chmodSync(source, 0o777);
    const volume = (isReadOnly: boolean) => [{ source, target: "/data", isReadOnly }];
    const read = await run({ runtime, volumes: volume(true), args: ["/probe", "cat", "/data/f"] }, options);
    expect(read.lines).toEqual(["from the host"]);
    const refused = await run(
      { runtime, volumes: volume(true), args: ["/probe", "write", "/data/g"] },
      options,
    );
    expect(refused.lines).toEqual(["Read-only file system"]);
    const written = await run(
      { runtime, volumes: volume(false), args: ["/probe", "write", "/data/g"] },
      options,
    );
    expect(written.lines).toEqual(["written"]);
    expect(readFileSync(`${source}/g`, "utf8")).toBe("x");
  });

  test("stdin is passed on when asked for, else empty", async () => {
    const args = ["/probe", "stdin"];
    expect((await run({ runtime, args, hasStdin: true }, { ...options, input: "12345" })).lines).toEqual([
      "5",
    ]);
    expect((await run({ runtime, args }, { ...options, input: "12345" })).lines).toEqual(["0"]);
  });

  test("a command that is not there is RUN_FAILED with its name", async () => {
    const { code, stderr } = await run({ runtime, args: ["/nowhere"] }, options);
    expect(code).toBe(99);
    expect(stderr).toMatch(/RUN_FAILED: .*nowhere/);
  });

  test("signals reach the process, its exit code comes back, and nothing is left", async () => {
    const where = await rootfs(options.as ?? 0);
    const [program, args] = command({ runtime, args: ["/probe", "wait"] }, where, options);
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    // "end" comes instead when it does not start, and the code below tells.
    await new Promise((resolve) => child.stdout.once("data", resolve).once("end", resolve));
    child.kill("SIGTERM");
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(40 + 15);
    expect(execFileSync("ls", [where.workDir], { encoding: "utf8" })).toBe("");
  });

  test("an abort sends the image's stop signal", async () => {
    const config = { StopSignal: "SIGINT", Cmd: ["/probe", "wait"] };
    const result = await run({ runtime, config, abortAfterMs: 1500 }, options);
    expect(result).toMatchObject({ code: 42, lines: ["ready", "signal 2"] });
  });
});

describe.skipIf(!isRoot)("users", () => {
  test("a name has its ids, its groups, its home, and no capabilities", async () => {
    const { lines } = await run({ config: { User: "app", Cmd: ["/probe", "who"] } });
    expect(lines).toEqual(["1000:1001 2002", "/"]);
    const env = await run({ config: { User: "app", Cmd: ["/probe", "env"] } });
    expect(env.lines).toContain("HOME=/home/app");
    const status = await run({ config: { User: "1000:7", Cmd: ["/probe", "cat", "/proc/self/status"] } });
    expect(status.lines).toContain("CapEff:\t0000000000000000");
    expect(status.lines).toContain("Gid:\t7\t7\t7\t7");
  });

  test("rootless without a range the process is root of its namespace, and a notice says so", async () => {
    const { lines, stderr } = await run(
      { config: { User: "app", Cmd: ["/probe", "who"] } },
      { as: STRANGER },
    );
    expect(lines).toEqual(["0:0", "/"]);
    expect(stderr).toContain("notice: runs as root of a user namespace instead of 1000:1001");
  });

  test("a user that the image lacks is named", async () => {
    const { code, stderr } = await run({ config: { User: "nobody-here", Cmd: ["/probe"] } });
    expect(code).toBe(99);
    expect(stderr).toContain('USER_UNKNOWN: the image has no user "nobody-here"');
  });

  test("links of the image do not lead to files of the host", async () => {
    const where = await rootfs();
    execFileSync("ln", ["-sf", "/../../../../../../etc/passwd", `${where.rootfsDir}/etc/passwd`]);
    const [program, args] = command({ config: { User: "daemon", Cmd: ["/probe"] } }, where, {});
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    await new Promise((resolve) => child.once("close", resolve));
    expect(stderr).toContain("ROOTFS_LINKS"); // its /etc/passwd is a link to itself inside
  });

  test("without runc and crun the error says what to install", async () => {
    const { code, stderr } = await run({ runtime: "no-such-runtime", args: ["/probe"] });
    expect(code).toBe(99);
    expect(stderr).toContain("RUNTIME_MISSING: no container runtime: no-such-runtime");
  });
});
