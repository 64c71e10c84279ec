import { execFileSync, spawn } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../../src/layer/digest.ts";
import type { HardlinkEntry, SpecialEntry } from "../../src/layer/entry.ts";
import { CONSTANT_MTIME } from "../../src/layer/entry.ts";
import { paddingOf, tarHeader } from "../../src/layer/tar-header.ts";
import { toolOf } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { writeTree } from "../support/tree.ts";

/** A member of a tar by its type: text of a file, target of a link. */
type Member = {
  readonly path: string;
  readonly text?: string;
  readonly link?: string;
  readonly hardlink?: string;
  readonly special?: SpecialEntry["type"];
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
};

/** A tar whose members come as given; one without text, link or type is a directory. */
export function tarOf(members: readonly Member[]): Buffer {
  const parts = members.flatMap((member) => {
    const content = Buffer.from(member.text ?? "");
    const { path, uid = 0, gid = 0, xattrs } = member;
    const base = { path, uid, gid, ...(xattrs && { xattrs }) };
    const mode = member.mode ?? (member.text === undefined ? 0o755 : 0o644);
    return [headerOf(member, { ...base, mode }, content), content, Buffer.alloc(paddingOf(content.length))];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function headerOf(
  { text, link, hardlink, special }: Member,
  base: Omit<HardlinkEntry, "type" | "target">,
  content: Uint8Array,
): Uint8Array {
  const make = () => {
    if (text !== undefined)
      return { ...base, type: "file", size: content.length, digest: digestOf(content) } as const;
    if (link !== undefined) return { ...base, mode: 0o777, type: "symlink", target: link } as const;
    if (hardlink !== undefined) return { ...base, type: "hardlink", target: hardlink } as const;
    if (special === "fifo") return { ...base, type: "fifo" } as const;
    if (special !== undefined) return { ...base, type: special, device: { major: 1, minor: 3 } } as const;
    return { ...base, type: "directory" } as const;
  };
  return tarHeader(make(), CONSTANT_MTIME);
}

/** A stage with links in all places where one can be in the way. */
export const BASE_TAR = tarOf([
  { path: "etc" },
  { path: "etc/passwd", text: "root:x:0:0:::\nalice:x:1000:1001::/:/bin/sh\n" },
  { path: "etc/group", text: "root:x:0:\nstaff:x:50:alice\nalice:x:1001:\n" },
  { path: "usr" },
  { path: "usr/lib", mode: 0o711 },
  { path: "usr/lib/there", text: "there" },
  { path: "lib", link: "usr/lib" },
  { path: "opt", mode: 0o750, uid: 3, gid: 4 },
  { path: "opt/real", mode: 0o700 },
  { path: "opt/real/there", text: "there" },
  { path: "opt/kept", mode: 0o711, uid: 5, gid: 6 },
  { path: "opt/in", link: "/real" },
  { path: "abs", link: "/opt/real" },
  { path: "above", link: "../../../../opt/real" },
  { path: "tmp", mode: 0o1777 },
  { path: "tmp/sub", mode: 0o1770, uid: 8 },
  { path: "link-to-file", link: "/etc/passwd" },
  { path: "dangling", link: "/opt/new" },
  { path: "circle", link: "/circle2" },
  { path: "circle2", link: "/circle" },
  { path: "over" },
  { path: "over/name", link: "/etc/passwd" },
  { path: "overdir" },
  { path: "overdir/d", link: "/opt" },
  { path: "sgid", mode: 0o2775, gid: 44 },
  { path: "thing" },
  { path: "thing/inside", text: "inside" },
]);

/** cap_net_bind_service=ep, as setcap writes it. */
const CAPABILITY = Buffer.from("0100000200040000000000000000000000000000", "hex").toString("latin1");

/** A stage to copy from. Without a block device: BuildKit 0.32.2 makes a character device of it, which is a mistake. */
export const SRC_TAR = tarOf([
  { path: "owned", mode: 0o705, uid: 21, gid: 22 },
  { path: "owned/file", text: "owned", mode: 0o4755, uid: 23, gid: 24 },
  { path: "owned/link", link: "/elsewhere", uid: 25, gid: 26 },
  { path: "owned/first", text: "linked", uid: 1 },
  { path: "owned/second", hardlink: "owned/first", mode: 0o644, uid: 1 },
  { path: "data" },
  { path: "data/f", text: "data" },
  { path: "up", link: "/" },
  { path: "to-f", link: "/up/data/f" },
  { path: "to-data", link: "up/data" },
  { path: "special" },
  { path: "special/null", special: "character", mode: 0o666 },
  { path: "special/pipe", special: "fifo", mode: 0o600, uid: 4 },
  { path: "attributes" },
  { path: "attributes/capable", text: "capable", mode: 0o755, xattrs: { "security.capability": CAPABILITY } },
]);

const PLAIN_TAR = tarOf([
  { path: "top.txt", text: "top", mode: 0o600, uid: 31, gid: 32 },
  { path: "made/implied.txt", text: "implied", uid: 33 },
  { path: "stated", mode: 0o2775, uid: 34, gid: 35 },
  { path: "stated/link", link: "../top.txt", uid: 36 },
  // What the link says is the file's: there is one of them.
  { path: "stated/hard", hardlink: "top.txt", mode: 0o640, uid: 31, gid: 33 },
  { path: "stated/suid", text: "suid", mode: 0o4755 },
  { path: "stated/disk", special: "block", mode: 0o660, gid: 6 },
]);

const REPLACE_TAR = tarOf([
  { path: "opt/real", text: "now a file" },
  { path: "lib", mode: 0o700 },
  { path: "lib/new", text: "new" },
  { path: "etc/group" },
  { path: "etc/group/x", text: "x" },
  { path: "usr", mode: 0o751, uid: 2 },
  { path: "link-to-file", text: "now a file too" },
]);

const THROUGH_TAR = tarOf([
  { path: "in/file", text: "through the link" },
  { path: "kept", mode: 0o500, uid: 1 },
]);

export const DATA = "data\n";

/** Fills the folder of a build context; as root, so that modes and owners are what they say. */
export function writeContext(root: string): void {
  const plain = { "base.tar": BASE_TAR, "src.tar": SRC_TAR, "plain.tar": PLAIN_TAR };
  writeTree(root, {
    ".dockerignore": "Dockerfile\nignored.txt\n",
    "ignored.txt": "ignored",
    "a.txt": "a",
    "run.sh": { mode: 0o755, text: "#!/bin/sh\n" },
    private: { mode: 0o600, text: "private" },
    suid: { mode: 0o6755, text: "suid" },
    "[odd] name": "odd",
    "dir/one.md": "one",
    "dir/two.txt": { mode: 0o640, text: "two" },
    "dir/sub/deep.md": "deep",
    "dir/sub/deep.txt": "deep text",
    "dir/empty/": "",
    "nested/tmp/inner.txt": "inner",
    "nested/tmp/sub/more.txt": "more",
    "größe/日本.txt": "names",
    "to-tar": { link: "plain.tar" },
    "to-a": { link: "a.txt" },
    "to-dir": { link: "dir" },
    "abs-a": { link: "/dir/one.md" },
    outside: { link: "/etc/hostname" },
    "links/up": { link: "../a.txt" },
    "links/nowhere": { link: "/does/not/exist" },
    "links/folder": { link: "../dir" },
    "hard/one": "hard",
    "over/over/name": "over",
    "overdir/overdir/d/file": "file",
    "file-for-dir/thing": "a file",
    "replace.tar": REPLACE_TAR,
    "through.tar": THROUGH_TAR,
    "empty.tar": "",
    "broken.gz": Buffer.concat([gzipSync(PLAIN_TAR).subarray(0, 40), Buffer.alloc(40, "x")]),
    "gzip.bin": gzipSync(PLAIN_TAR),
    "pack.tar.zst": zstdCompressSync(PLAIN_TAR),
    "pack.tar.xz": execFileSync("xz", ["-c"], { input: PLAIN_TAR }),
    "pack.tar.bz2": execFileSync("bzip2", ["-c"], { input: PLAIN_TAR }),
    ...plain,
  });
  mkdirSync(join(root, "hard/below"));
  linkSync(join(root, "hard/one"), join(root, "hard/below/two"));
  chmodSync(join(root, "dir/sub"), 0o2750);
  chmodSync(join(root, "dir/empty"), 0o1777);
  chmodSync(join(root, "dir"), 0o700);
  chmodSync(join(root, "nested/tmp"), 0o705);
}

/** A repository behind git's own server, with a branch and a tag. */
export async function startGit(): Promise<{ readonly url: string } & AsyncDisposable> {
  const folder = temporaryFolder();
  const work = folder.at("work");
  writeTree(work, {
    "README.md": "main",
    "sub/file.txt": "in sub",
    "sub/run.sh": { mode: 0o755, text: "#!/bin/sh\n" },
    link: { link: "sub/file.txt" },
  });
  const env = {
    ...{ PATH: process.env.PATH, HOME: folder.path, GIT_CONFIG_NOSYSTEM: "1" },
    ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example", GIT_AUTHOR_DATE: "2020-01-01T00:00:00Z" },
    ...{
      GIT_COMMITTER_NAME: "a",
      GIT_COMMITTER_EMAIL: "a@example",
      GIT_COMMITTER_DATE: "2020-01-01T00:00:00Z",
    },
  };
  const git = (...args: string[]) => execFileSync(toolOf("git"), args, { cwd: work, env });
  git("-c", "init.defaultBranch=main", "init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "one");
  git("tag", "-a", "v1", "-m", "v1");
  git("checkout", "-q", "-b", "other");
  writeFileSync(join(work, "other.txt"), "other");
  git("add", "-A");
  git("commit", "-q", "-m", "two");
  git("checkout", "-q", "main");
  git("clone", "-q", "--bare", ".", folder.at("served", "repo.git"));
  const port = await freePort();
  const options = ["--listen=127.0.0.1", `--port=${port}`, "--reuseaddr", "--export-all"];
  const child = spawn(toolOf("git"), ["daemon", ...options, `--base-path=${folder.at("served")}`], {
    env,
    stdio: "ignore",
    detached: true,
  });
  const url = `git://127.0.0.1:${port}/repo.git`;
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      execFileSync(toolOf("git"), ["ls-remote", url], { env, stdio: "ignore" });
      break;
    } catch {
      await pause(50);
    }
  }
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // git runs its daemon as a child of its own; both are of the group that was made here.
      if (child.pid !== undefined && child.exitCode === null) {
        process.kill(-child.pid, "SIGTERM");
        await ended;
      }
      folder[Symbol.dispose]();
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
