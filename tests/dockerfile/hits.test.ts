import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Ran, RunOptions } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";
import "../support/in-memory.ts";

/** A project that is built twice, and what happens to it between. */
type HitCase = {
  readonly name: string;
  /** `FROM debian` is the base. */
  readonly dockerfile: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly change: (folder: string) => void;
  readonly changedArgs?: readonly string[];
  readonly changedEnv?: Readonly<Record<string, string>>;
  /** Program the second build has before it. */
  readonly changedWrapper?: readonly string[];
  /** Steps of the second build that run or copy anew, by the beginning of their text; all others are hits. */
  readonly missed: readonly string[];
};

const nothing = () => undefined;
/** Texts are of one case, since equal files are one layer wherever they come from. */
const textOf = (folder: string, text: string) => `${text} of ${basename(folder)}\n`;
const write = (path: string, text: string) => (folder: string) =>
  writeFileSync(join(folder, path), textOf(folder, text));
const rewrite = (path: string, text: string) => (folder: string) => writeFileSync(join(folder, path), text);

/** What is and what is not in a step's key, each row with its proof; docs/guide/dockerfiles.md shows the same table. */
const hitCases: readonly HitCase[] = [
  { name: "nothing", dockerfile: "FROM debian\nCOPY a /a\nRUN cat /a\n", change: nothing, missed: [] },
  {
    name: "a copied file's content",
    dockerfile: "FROM debian\nRUN true\nCOPY a /a\nRUN cat /a\n",
    change: write("a", "changed"),
    missed: ["COPY a", "RUN /bin/sh -c cat"],
  },
  {
    name: "a file that nobody copies",
    dockerfile: "FROM debian\nCOPY a /a\nRUN cat /a\n",
    change: write("b", "changed"),
    missed: [],
  },
  {
    name: "a copied file's mode only",
    dockerfile: "FROM debian\nCOPY a /a\nRUN ls -l /a > /mode\n",
    change: (folder) => chmodSync(join(folder, "a"), 0o755),
    missed: ["COPY a", "RUN"],
  },
  {
    name: "a copied file's time only",
    dockerfile: "FROM debian\nCOPY a /a\nRUN cat /a\n",
    change: (folder) => utimesSync(join(folder, "a"), 1_000_000_000, 1_000_000_000),
    missed: [],
  },
  {
    name: "the umask of the builder",
    dockerfile: "FROM debian\nCOPY a /a\nRUN cat /a > /b\nWORKDIR /made\n",
    change: nothing,
    changedWrapper: ["sh", "-c", 'umask 077 && exec "$0" "$@"'],
    missed: [],
  },
  {
    name: "a file of a stage that a bind mount shows",
    dockerfile:
      "FROM debian AS one\nCOPY a /out/a\nFROM debian\nRUN --mount=type=bind,from=one,source=/out,target=/out cat /out/a > /seen\n",
    change: write("a", "changed"),
    missed: ["COPY a", "RUN"],
  },
  {
    name: "a file of a stage beside what a bind mount shows",
    dockerfile:
      "FROM debian AS one\nCOPY a /out/a\nCOPY b /other/b\nFROM debian\nRUN --mount=type=bind,from=one,source=/out,target=/out cat /out/a > /seen\n",
    change: write("b", "changed"),
    missed: ["COPY b"],
  },
  {
    name: "a file of the context that a bind mount shows",
    dockerfile: "FROM debian\nRUN --mount=type=bind,source=a,target=/a cat /a > /seen\n",
    change: write("a", "changed"),
    missed: ["RUN"],
  },
  {
    name: "what a copied link of a stage leads to",
    dockerfile:
      "FROM debian AS one\nCOPY a /real/a\nRUN ln -s real /link\nFROM debian\nCOPY --from=one /link/a /a\nRUN cat /a\n",
    change: write("a", "changed"),
    missed: ["COPY a", "RUN /bin/sh -c ln", "COPY /link/a", "RUN /bin/sh -c cat"],
  },
  {
    name: "a stage's file that nobody copies from it",
    dockerfile: "FROM debian AS one\nCOPY a /a\nCOPY b /b\nFROM debian\nCOPY --from=one /b /b\nRUN cat /b\n",
    change: write("a", "changed"),
    missed: ["COPY a"],
  },
  {
    name: "a step that ran again and left the same",
    dockerfile: "FROM debian\nCOPY a /a\nRUN rm /a && echo same > /same\nRUN cat /same > /again\n",
    change: write("a", "changed"),
    missed: ["COPY a", "RUN /bin/sh -c rm", "RUN /bin/sh -c cat"],
  },
  {
    name: "an argument declared after the step",
    dockerfile: "FROM debian\nRUN echo first > /first\nARG LATER\nRUN echo $LATER > /later\n",
    args: ["--build-arg", "LATER=1"],
    change: nothing,
    changedArgs: ["--build-arg", "LATER=2"],
    missed: ["RUN |1 LATER=2"],
  },
  {
    name: "an argument declared before the step, which does not use it",
    dockerfile: "FROM debian\nRUN echo first > /first\nARG EARLY\nRUN echo two > /two\nRUN cat /two\n",
    args: ["--build-arg", "EARLY=1"],
    change: nothing,
    changedArgs: ["--build-arg", "EARLY=2"],
    // It is in their environment, as BuildKit has it.
    missed: ["RUN |1 EARLY=2 /bin/sh -c echo two", "RUN |1 EARLY=2 /bin/sh -c cat"],
  },
  {
    name: "a secret's value",
    dockerfile: "FROM debian\nRUN --mount=type=secret,id=token,env=TOKEN echo run > /ran\n",
    args: ["--secret", "id=token,env=TOKEN"],
    env: { TOKEN: "first" },
    change: nothing,
    changedEnv: { TOKEN: "second" },
    missed: [],
  },
  {
    name: "the ignore file, of what nobody copies",
    dockerfile: "FROM debian\nCOPY a /a\nRUN cat /a\n",
    change: rewrite(".dockerignore", "b\n"),
    missed: [],
  },
  {
    name: "the ignore file, of what is copied",
    dockerfile: "FROM debian\nCOPY . /all\nRUN ls /all > /listed\n",
    files: { ".dockerignore": "x\n" },
    change: rewrite(".dockerignore", "b\n"),
    missed: ["COPY .", "RUN"],
  },
  {
    name: "the content of a cache mount",
    dockerfile: "FROM debian\nCOPY a /a\nRUN --mount=type=cache,target=/c cp /a /c/a && ls /c > /seen\n",
    change: nothing,
    missed: [],
  },
  {
    name: "the id and the seed of a cache mount",
    dockerfile: "FROM debian\nRUN --mount=type=cache,target=/c,id=one ls /c > /seen\n",
    change: rewrite("Dockerfile", "FROM debian\nRUN --mount=type=cache,target=/c,id=two ls /c > /seen\n"),
    missed: [],
  },
  {
    name: "a comment and the space of the Dockerfile",
    dockerfile: "FROM debian\nRUN echo one > /one\n",
    change: rewrite("Dockerfile", "# a comment\nFROM debian\n\nrun   echo one > /one\n"),
    missed: [],
  },
  {
    name: "a proxy that is lent",
    dockerfile: "FROM debian\nRUN echo one > /one\n",
    change: nothing,
    changedArgs: ["--build-arg", "http_proxy=http://127.0.0.1:9"],
    missed: [],
  },
  {
    name: "nothing, with --no-cache for a stage by its name",
    dockerfile:
      "FROM debian AS one\nRUN date +%N > /one\nFROM debian AS two\nRUN date +%N > /two\nFROM debian\nCOPY --from=one /one /\nCOPY --from=two /two /\n",
    change: nothing,
    changedArgs: ["--no-cache=one"],
    missed: ["RUN /bin/sh -c date +%N > /one", "COPY /one"],
  },
  {
    name: "nothing, with --no-cache for two stages, one by its number",
    dockerfile:
      "FROM debian AS one\nRUN echo same > /one\nFROM debian AS two\nRUN echo same > /two\nFROM debian\nCOPY --from=one /one /\nCOPY --from=two /two /\n",
    change: nothing,
    changedArgs: ["--no-cache=two", "--no-cache=0"],
    missed: ["RUN /bin/sh -c echo same > /one", "RUN /bin/sh -c echo same > /two"],
  },
  {
    name: "the user of a step",
    dockerfile: "FROM debian\nUSER 1\nRUN true\n",
    change: rewrite("Dockerfile", "FROM debian\nUSER 2\nRUN true\n"),
    missed: ["RUN"],
  },
];

describe.runIf(needs("docker-registry", "runc", "root"))("the second build, after a change of", () => {
  let debian: DebianWorld;

  beforeAll(async () => {
    debian = await startDebianWorld();
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  test.for(hitCases)("$name", async (one) => {
    const { world, builder, base } = debian;
    const number = hitCases.indexOf(one);
    const folder = world.at(`case-${number}`);
    mkdirSync(folder);
    for (const name of ["a", "b"]) writeFileSync(join(folder, name), textOf(folder, name));
    for (const [name, text] of Object.entries(one.files ?? {})) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, "Dockerfile"), one.dockerfile);
    const missed = async (args: readonly string[], options: Partial<RunOptions>) => {
      writeBase(folder, base, number);
      const flags = ["--progress", "json", "--platform", "linux/amd64"];
      return missedIn(await builder.run(["build", folder, ...flags, ...args], options));
    };
    const first = await missed(one.args ?? [], one.env === undefined ? {} : { env: one.env });
    expect(first).not.toEqual([]);
    one.change(folder);
    const env = one.changedEnv ?? one.env;
    const second = await missed(one.changedArgs ?? one.args ?? [], {
      ...(env !== undefined && { env }),
      ...(one.changedWrapper !== undefined && { wrapper: one.changedWrapper }),
    });
    expect(second).toEqual(one.missed.map((text) => expect.stringMatching(startingWith(text))));
  });
});

function startingWith(text: string): RegExp {
  return new RegExp(`^${text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}`);
}

/** The base in place of `debian`, and in each stage a variable of this case, so that no two cases share a step. */
function writeBase(folder: string, base: string, number: number): void {
  const path = join(folder, "Dockerfile");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replaceAll(/^(FROM) debian( AS \S+)?$/gm, `$1 ${base}$2\nENV CASE=${number}`));
}

/** Texts of the steps that a build did not know, sorted as they stand in the file. */
function missedIn({ exitCode, stderr }: Ran): string[] {
  if (exitCode !== 0) throw new Error(stderr);
  const found = stderr.split("\n").flatMap((line): [number, string][] => {
    const event = line.startsWith("{") ? (JSON.parse(line) as Record<string, string>) : {};
    const match = /^\S+ (\d+): (.*)$/s.exec(event.id ?? "");
    return event.type === "step-done" && event.outcome === "done" && match !== null
      ? [[Number(match[1]), match[2]!]]
      : [];
  });
  return found.sort(([a], [b]) => a - b).map(([, text]) => text);
}
