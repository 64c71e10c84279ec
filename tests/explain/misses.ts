import { chmodSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Difference } from "../../src/explain/difference.ts";

/** A project that is built, changed and built again, and what the second build is to say of one step. */
export type MissCase = {
  /** What changes: one field of a key. */
  readonly name: string;
  /** `FROM base` is the base. */
  readonly dockerfile: string;
  readonly changed?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly change?: (folder: string) => void;
  readonly args?: readonly string[];
  readonly changedArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly changedEnv?: Readonly<Record<string, string>>;
  /** The beginning of the step's text. */
  readonly step: string;
  /** Its line that people read, whole. */
  readonly cause: string;
  /** The same where the first build was on another machine, whose values are hidden. */
  readonly elsewhere?: string;
  /** Neither value is anyone's own. */
  readonly isPlain?: true;
  /** Nothing of it travels. */
  readonly isOfMachine?: true;
  /** Of its only difference, or of the first at the root. */
  readonly root?: Partial<Difference>;
};

const run = (flags: string, command = "true") => `FROM base\nRUN ${flags}${command}\n`;
const write = (path: string, text: string) => (folder: string) => writeFileSync(join(folder, path), text);

const runCases: readonly MissCase[] = [
  {
    name: "the command",
    dockerfile: run("", "echo one > /made"),
    changed: run("", "echo two > /made"),
    step: "RUN echo two",
    cause: "command changed: /bin/sh -c echo one > /made → /bin/sh -c echo two > /made",
    root: { field: "command" },
  },
  {
    name: "the shell",
    dockerfile: "FROM base\nRUN true\n",
    changed: 'FROM base\nSHELL ["/bin/sh", "-e", "-c"]\nRUN true\n',
    step: "RUN true",
    cause: "shell changed: /bin/sh -c → /bin/sh -e -c",
    root: { field: "shell" },
  },
  {
    name: "a command without a shell",
    dockerfile: 'FROM base\nRUN ["/bin/true", "1"]\n',
    changed: 'FROM base\nRUN ["/bin/true", "2"]\n',
    files: {},
    step: "RUN /bin/true 2",
    cause: "command changed: /bin/true 1 → /bin/true 2",
  },
  {
    name: "a build argument",
    dockerfile: "FROM base\nARG VERSION\nRUN echo $VERSION\n",
    args: ["--build-arg", "VERSION=1"],
    changedArgs: ["--build-arg", "VERSION=2"],
    step: "RUN echo",
    cause: "variable VERSION changed: 1 → 2",
    root: { field: "variable", name: "VERSION", change: "changed", before: "1", now: "2" },
  },
  {
    name: "a build argument that is given for the first time",
    dockerfile: "FROM base\nARG VERSION\nRUN echo $VERSION\n",
    changedArgs: ["--build-arg", "VERSION=2"],
    step: "RUN echo",
    cause: "variable VERSION is new: 2",
    root: { field: "variable", name: "VERSION", change: "added" },
  },
  {
    name: "ENV",
    dockerfile: "FROM base\nENV MODE=debug\nRUN true\n",
    changed: "FROM base\nENV MODE=release\nRUN true\n",
    step: "RUN true",
    cause: "variable MODE changed: debug → release",
  },
  {
    name: "ENV that is gone",
    dockerfile: "FROM base\nENV MODE=debug\nRUN true\n",
    changed: "FROM base\nRUN true\n",
    step: "RUN true",
    cause: "variable MODE is gone: debug",
    elsewhere: "variable MODE is gone",
    root: { field: "variable", name: "MODE", change: "removed" },
  },
  {
    name: "the working directory",
    dockerfile: "FROM base\nWORKDIR /data\nRUN true\n",
    changed: "FROM base\nWORKDIR /tmp\nRUN true\n",
    step: "RUN true",
    cause: "working directory changed: /data → /tmp",
    root: { field: "working directory" },
  },
  {
    name: "the user",
    dockerfile: "FROM base\nUSER bob\nRUN true\n",
    changed: "FROM base\nUSER 1\nRUN true\n",
    step: "RUN true",
    cause: "user changed: bob → 1",
    root: { field: "user", before: "bob", now: "1" },
  },
  {
    name: "the network",
    dockerfile: run(""),
    changed: run("--network=none "),
    step: "RUN true",
    cause: "network changed: default → none",
    isPlain: true,
    root: { field: "network" },
  },
  {
    name: "the security mode",
    dockerfile: run(""),
    changed: run("--security=insecure "),
    args: ["--allow", "security.insecure"],
    step: "RUN true",
    cause: "security changed: sandbox → insecure",
    isPlain: true,
    root: { field: "security" },
  },
  {
    name: "a script of its own",
    dockerfile: "FROM base\nRUN <<EOF\n#!/bin/sh\necho one\nEOF\n",
    changed: "FROM base\nRUN <<EOF\n#!/bin/sh\necho two\nEOF\n",
    step: "RUN",
    cause: "script /dev/pipes/EOF changed: #!/bin/sh\\necho one\\n → #!/bin/sh\\necho two\\n",
    root: { field: "script" },
  },
  {
    name: "commands in a heredoc",
    dockerfile: "FROM base\nRUN <<EOF\necho one\nEOF\n",
    changed: "FROM base\nRUN <<EOF\necho two\nEOF\n",
    step: "RUN",
    cause: "command changed: /bin/sh -c echo one\\n → /bin/sh -c echo two\\n",
    root: { field: "command" },
  },
  {
    name: "a cache mount that is new",
    dockerfile: run(""),
    changed: run("--mount=type=cache,target=/c "),
    step: "RUN true",
    cause: "mount /c is new: cache",
    root: { field: "mount", name: "/c", change: "added" },
  },
  {
    name: "where a cache mount is seen",
    dockerfile: run("--mount=type=cache,target=/c "),
    changed: run("--mount=type=cache,target=/d "),
    step: "RUN true",
    cause: "mount /d is new: cache, and 1 more",

    root: { field: "mount", name: "/d", change: "added" },
  },
  {
    name: "the size of a tmpfs",
    dockerfile: run("--mount=type=tmpfs,target=/t,size=1048576 "),
    changed: run("--mount=type=tmpfs,target=/t,size=2097152 "),
    step: "RUN true",
    cause: "mount /t changed: sizeBytes 1048576 → sizeBytes 2097152",
    isPlain: true,
    root: { field: "mount", name: "/t", change: "changed" },
  },
  {
    name: "the id of a secret",
    dockerfile: run("--mount=type=secret,id=one,target=/s "),
    changed: run("--mount=type=secret,id=two,target=/s "),
    step: "RUN true",
    cause: "mount /s changed: id one → id two",
  },
  {
    name: "an ssh agent's mount that is gone",
    dockerfile: run("--mount=type=ssh "),
    changed: run(""),
    step: "RUN true",
    cause: "mount /run/buildkit/ssh_agent.0 is gone: ssh",
    elsewhere: "mount is gone: ssh",
    root: { field: "mount", change: "removed" },
  },
  {
    name: "a file of the context in a bind mount",
    dockerfile: run("--mount=type=bind,source=src,target=/in ", "cat /in/a"),
    files: { "src/a": "one\n", "src/b": "b\n" },
    change: write("src/a", "two\n"),
    step: "RUN cat",
    cause: "src/a changed in the mount at /in",
    root: { field: "path", name: "src/a", within: "/in", aspect: "content" },
  },
  {
    name: "whether a bind mount can be written",
    dockerfile: run("--mount=type=bind,source=src,target=/in "),
    changed: run("--mount=type=bind,source=src,target=/in,rw "),
    files: { "src/a": "a\n" },
    step: "RUN true",
    cause: "mount /in changed: isReadOnly true → isReadOnly false",
    isPlain: true,
  },
  {
    name: "a file of a stage in a bind mount",
    dockerfile:
      "FROM base AS made\nCOPY src/a /out/a\nFROM base\nRUN --mount=from=made,source=/out,target=/in cat /in/a\n",
    files: { "src/a": "one\n" },
    change: write("src/a", "two\n"),
    step: "RUN cat",
    cause: "src/a changed (COPY src/a /out/a, line 2)",
  },
  {
    name: "SOURCE_DATE_EPOCH",
    dockerfile: run(""),
    changedEnv: { SOURCE_DATE_EPOCH: "1700000000" },
    step: "RUN true",
    cause: "SOURCE_DATE_EPOCH is new: 1700000000",
    root: { field: "SOURCE_DATE_EPOCH", change: "added" },
  },
  {
    name: "a step that is new below",
    dockerfile: "FROM base\nRUN echo one > /one\nRUN cat /one\n",
    changed: "FROM base\nRUN echo one > /one\nRUN echo new > /new\nRUN cat /one\n",
    step: "RUN cat /one",
    cause: "RUN echo new > /new, line 3 is new",
    root: { field: "below", change: "added" },
  },
  {
    name: "a step that is gone below",
    dockerfile: "FROM base\nRUN echo one > /one\nRUN echo two > /two\nRUN cat /one\n",
    changed: "FROM base\nRUN echo one > /one\nRUN cat /one\n",
    step: "RUN cat /one",
    cause: "RUN echo two > /two, line 3 is gone",
    elsewhere: "RUN …, line 3 is gone",
    root: { field: "below", change: "removed" },
  },
];

const copy = (flags: string, rest = "src /dst") => `FROM base\nCOPY ${flags}${rest}\nRUN ls -lR /dst\n`;
const tree = { "src/a": "a\n", "src/b": "b\n" };

const copyCases: readonly MissCase[] = [
  {
    name: "a copied file's content",
    dockerfile: copy(""),
    files: tree,
    change: write("src/a", "changed\n"),
    step: "COPY",
    cause: "src/a changed",
    root: { field: "path", name: "src/a", change: "changed", aspect: "content" },
  },
  {
    name: "a copied file's content, for the step above",
    dockerfile: copy(""),
    files: tree,
    change: write("src/a", "changed\n"),
    step: "RUN ls",
    cause: "src/a changed (COPY src /dst, line 2)",
    root: { field: "path", name: "src/a", aspect: "content" },
  },
  {
    name: "one file that is copied by its name",
    dockerfile: "FROM base\nCOPY requirements.txt /app/\nRUN cat /app/requirements.txt\n",
    files: { "requirements.txt": "six\n" },
    change: write("requirements.txt", "six==1.17\n"),
    step: "RUN cat",
    cause: "requirements.txt changed (COPY requirements.txt /app/, line 2)",
  },
  {
    name: "a copied file's mode",
    dockerfile: copy(""),
    files: tree,
    change: (folder) => chmodSync(join(folder, "src/a"), 0o755),
    step: "COPY",
    cause: "mode of src/a changed: 0644 → 0755",
    isPlain: true,
    root: { field: "path", name: "src/a", aspect: "mode" },
  },
  {
    name: "a file that is added",
    dockerfile: copy(""),
    files: tree,
    change: write("src/c", "c\n"),
    step: "RUN ls",
    cause: "src/c is new (COPY src /dst, line 2)",
    root: { field: "path", name: "src/c", change: "added" },
  },
  {
    name: "a file that is removed",
    dockerfile: copy(""),
    files: tree,
    change: (folder) => unlinkSync(join(folder, "src/b")),
    step: "RUN ls",
    cause: "src/b is gone (COPY src /dst, line 2)",
    elsewhere: "a file is gone (COPY src /dst, line 2)",
    root: { field: "path", name: "src/b", change: "removed" },
  },
  {
    name: "a file that is renamed",
    dockerfile: copy(""),
    files: tree,
    change: (folder) => renameSync(join(folder, "src/b"), join(folder, "src/z")),
    step: "COPY",
    cause: "src/z is new, and 1 more",
  },
  {
    name: "a link's target",
    dockerfile: copy(""),
    files: tree,
    change: (folder) => {
      rmSync(join(folder, "src/link"), { force: true });
      symlinkSync("b", join(folder, "src/link"));
    },
    step: "COPY",
    cause: "link of src/link changed: a → b",
    root: { field: "path", name: "src/link", aspect: "link" },
  },
  {
    name: "--chmod",
    dockerfile: copy("--chmod=644 "),
    changed: copy("--chmod=600 "),
    files: tree,
    step: "COPY",
    cause: "chmod changed: 644 → 600",
    root: { field: "chmod", before: "644", now: "600" },
  },
  {
    name: "--chown",
    dockerfile: copy("--chown=1 "),
    changed: copy("--chown=2 "),
    files: tree,
    step: "RUN ls",
    cause: "owner changed: 1 → 2 (COPY --chown=2 src /dst, line 2)",
    root: { field: "owner" },
  },
  {
    name: "--exclude",
    dockerfile: copy(""),
    changed: copy("--exclude=b "),
    files: tree,
    step: "COPY",
    cause: "exclude is new: b",
    root: { field: "exclude" },
  },
  {
    name: "the ignore file",
    dockerfile: copy("", ". /dst"),
    files: { ...tree, ".dockerignore": "Dockerfile\n.dockerignore\n" },
    change: write(".dockerignore", "Dockerfile\n.dockerignore\nsrc/b\n"),
    step: "COPY",
    cause: "src/b is gone",
    elsewhere: "a file is gone",
    root: { field: "path", name: "src/b", change: "removed" },
  },
  {
    name: "the destination",
    dockerfile: "FROM base\nCOPY src /one\nRUN true\n",
    changed: "FROM base\nCOPY src /two\nRUN true\n",
    files: tree,
    step: "RUN true",
    cause: "destination changed: /one → /two (COPY src /two, line 2)",
    root: { field: "destination" },
  },
  {
    name: "what is copied",
    dockerfile: "FROM base\nCOPY src/a /dst/\nRUN true\n",
    changed: "FROM base\nCOPY src/b /dst/\nRUN true\n",
    files: tree,
    step: "RUN true",
    cause: "source paths changed: src/a → src/b (COPY src/b /dst/, line 2)",
    root: { field: "source" },
  },
  {
    name: "--parents",
    dockerfile: copy("", "src /dst/"),
    changed: copy("--parents ", "src /dst/"),
    files: tree,
    step: "COPY",
    cause: "option keepsParents changed: false → true",
    isPlain: true,
    root: { field: "option", name: "keepsParents" },
  },
  {
    name: "a file of another stage",
    dockerfile:
      "FROM base AS made\nCOPY src/a /a\nRUN cat /a > /out\nFROM base\nCOPY --from=made /out /out\nRUN cat /out\n",
    files: { "src/a": "one\n" },
    change: write("src/a", "two\n"),
    step: "RUN cat /out",
    cause: "src/a changed (COPY src/a /a, line 2)",
    root: { field: "path", name: "src/a" },
  },
  {
    name: "another stage to copy from",
    dockerfile:
      "FROM base AS one\nRUN echo one > /out\nFROM base AS two\nRUN echo two > /out\nFROM base\nCOPY --from=one /out /out\nCOPY --from=two /out /two\nRUN cat /out\n",
    changed:
      "FROM base AS one\nRUN echo one > /out\nFROM base AS two\nRUN echo two > /out\nFROM base\nCOPY --from=two /out /out\nCOPY --from=two /out /two\nRUN cat /out\n",
    step: "RUN cat /out",
    cause: "source stage changed: one → two (COPY /out /out, line 6)",
    root: { field: "source", name: "stage" },
  },
  {
    name: "a file that is written in the Dockerfile",
    dockerfile: "FROM base\nCOPY <<EOF /made\none\nEOF\nRUN cat /made\n",
    changed: "FROM base\nCOPY <<EOF /made\ntwo\nEOF\nRUN cat /made\n",
    step: "RUN cat",
    cause: "source content changed: one\\n → two\\n (COPY <<EOF /made, line 2)",
  },
];

const otherCases: readonly MissCase[] = [
  {
    name: "--no-cache",
    dockerfile: run(""),
    changedArgs: ["--no-cache"],
    step: "RUN true",
    cause: "--no-cache",
  },
  {
    name: "--no-cache=STAGE",
    dockerfile: "FROM base AS one\nRUN echo one > /one\nFROM base\nCOPY --from=one /one /one\n",
    changedArgs: ["--no-cache=one"],
    step: "RUN echo one",
    cause: "--no-cache=one",
    isOfMachine: true,
  },
  {
    name: "a build that failed",
    dockerfile: run("", "exit 1"),
    step: "RUN exit",
    cause: "it did not finish in the build before",
    elsewhere: "never built before",
  },
  {
    name: "a step that nobody ever had",
    dockerfile: "FROM base\nRUN true\n",
    changed: "FROM base\nRUN true\nRUN echo new > /new\n",
    step: "RUN echo new",
    cause: "never built before",
  },
];

export const missCases: readonly MissCase[] = [...runCases, ...copyCases, ...otherCases];
