import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cambium, type RunOptions } from "../support/command.ts";
import { needs, toolOf } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { treeOf } from "../support/tree.ts";
import { done, store as warmStore } from "./workplace.ts";

/** An id that has no account and no ranges on any machine. */
const STRANGER = 54321;
const isReady = needs("root", "runc", "newuidmap", "setpriv", "unshare");

const folder = temporaryFolder();
const layout = folder.at("layout");
const home = folder.at("home");
const store = folder.at("home", "store");
const stranger = ["setpriv", `--reuid=${STRANGER}`, `--regid=${STRANGER}`, "--clear-groups"];
const who =
  "import os, pwd; print(os.getuid(), pwd.getpwuid(os.getuid()).pw_name, os.stat('/app/main.py').st_uid)";

const files = {
  "cambium.yaml":
    "debian: { suite: trixie, variant: distroless }\npython: { packages: [six==1.17.0] }\ncopy: main.py\nuser: app\ncmd: [python, main.py]\n",
  // No image of an earlier run may answer.
  "main.py": `import six\n${who}\n# ${process.pid} ${Date.now()}\n`,
};

/** As an account that is no one's: with its own home and store, and nothing else that it may write. */
function asStranger(args: readonly string[], options: Partial<RunOptions> = {}) {
  return cambium(args, { store, wrapper: stranger, cwd: "/", ...options });
}

beforeAll(async () => {
  if (!isReady) return;
  using project = treeOf(files);
  await done(["build", project.path, "-t", "rootless:1", "-o", `type=oci,dest=${layout}`]);
  mkdirSync(store, { recursive: true });
  // mkdtemp's folders are for their owner alone.
  chmodSync(folder.path, 0o755);
  execFileSync("chown", ["-R", `${STRANGER}:${STRANGER}`, home]);
});
afterAll(() => folder[Symbol.dispose]());

describe.runIf(isReady)("without root", () => {
  test("an image runs; its user is root of a user namespace, and a line says why", async () => {
    const ran = await asStranger(["run", "--image", layout]);
    expect(ran.stdout, ran.stderr).toBe("0 root 0\n");
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain(
      "runs as root of a user namespace instead of 1000:1000: this account has no range in /etc/subuid",
    );
  });

  test("with a range of ids it runs as the image's user", async () => {
    // In a mount namespace of its own, the machine's account files look as they do after `useradd`.
    const lines = {
      passwd: `stranger:x:${STRANGER}:${STRANGER}::${home}:/bin/sh\n`,
      group: `stranger:x:${STRANGER}:\n`,
      subuid: `stranger:100000:65536\n`,
      subgid: `stranger:100000:65536\n`,
    };
    const binds = Object.entries(lines).map(([name, line]) => {
      writeFileSync(folder.at(name), `${contentOf(`/etc/${name}`)}${line}`);
      return `touch /etc/${name} && mount --bind ${folder.at(name)} /etc/${name}`;
    });
    const script = `${binds.join(" && ")} && exec "$0" "$@"`;
    const wrapper = ["unshare", "--mount", "sh", "-c", script, ...stranger];
    const ran = await asStranger(["run", "--image", layout], { wrapper });
    expect(ran.stdout, ran.stderr).toBe("1000 app 0\n");
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).not.toContain("subuid");
    // Among them the user's home, which it can then not write.
    expect(ran.stderr).toContain("entries belong to you instead of their owners");
  });

  test("an image is built and unpacked, and is the one that root builds", async () => {
    // The downloads alone; what is computed from them is computed here.
    const own = folder.at("home", "build-store");
    mkdirSync(own);
    cpSync(`${warmStore}/blobs-v1`, `${own}/blobs-v1`, { recursive: true });
    using project = treeOf(files);
    chmodSync(project.path, 0o755);
    execFileSync("chown", ["-R", `${STRANGER}:${STRANGER}`, own]);
    const rootfs = folder.at("home", "rootfs");
    const root = await done(["build", project.path]);
    const ran = await asStranger(["build", project.path, "-o", `type=rootfs,dest=${rootfs}`], { store: own });
    expect(ran.stdout, ran.stderr).toBe(root);
    expect(contentOf(`${rootfs}/etc/passwd`)).toContain("app:x:1000:1000:");
    rmSync(own, { recursive: true });
  });

  test("without runc or crun it says what to install, before anything is built", async () => {
    // Hidden rather than left off PATH: runtimes are also looked for where a plain user's PATH does not.
    const hidden = ["runc", "crun"].filter((name) => needs(name)).map((name) => toolOf(name));
    const script = hidden.map((path) => `mount --bind /dev/null ${path}`).join(" && ");
    const wrapper = ["unshare", "--mount", "sh", "-c", `${script} && exec "$0" "$@"`, ...stranger];
    const ran = await asStranger(["run", "--image", layout], { wrapper });
    expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
    expect(ran.stderr).toMatch(/^error\[RUNTIME_MISSING\]: .*runc.*\nhint: .*install/m);
  });
});

function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
