import fc from "fast-check";
import { expect, test } from "vitest";
import { CambiumError } from "../../errors.ts";
import { parseDockerfile } from "./parse.ts";

const place = (line: number, column: number) => `Dockerfile:${line}:${column}`;

test.for([
  ["FROM a\nRUNN x", "DOCKERFILE_INSTRUCTION", 'Dockerfile:2:1: no instruction: "RUNN"', "Did you mean RUN?"],
  [
    "FROM a\n  cpoy a b",
    "DOCKERFILE_INSTRUCTION",
    'Dockerfile:2:3: no instruction: "cpoy"',
    "Did you mean COPY?",
  ],
  [
    "FROM a\n&& x",
    "DOCKERFILE_INSTRUCTION",
    'Dockerfile:2:1: no instruction: "&&"',
    "A line that continues the one before needs a backslash there.",
  ],
  [
    "FROM a\nCOPY --chwon=x a b",
    "DOCKERFILE_FLAG",
    'Dockerfile:2:6: COPY has no flag "--chwon"',
    "Did you mean --chown? Known: --chown, --chmod, --link, --exclude, --from, --parents.",
  ],
  [
    "FROM a\nCOPY --link \\\n  --form=x a b",
    "DOCKERFILE_FLAG",
    'Dockerfile:3:3: COPY has no flag "--form"',
    "Did you mean --from? Known: --chown, --chmod, --link, --exclude, --from, --parents.",
  ],
  ["FROM a\nENV --x A=1", "DOCKERFILE_FLAG", 'Dockerfile:2:5: ENV has no flag "--x"', "ENV takes no flags."],
  [
    "FROM a\nCOPY --from a b",
    "DOCKERFILE_FLAG",
    "Dockerfile:2:6: --from has no value",
    "Write --from=VALUE.",
  ],
  [
    "FROM a\nCOPY --link=x a b",
    "DOCKERFILE_FLAG",
    'Dockerfile:2:6: --link is true or false, not "x"',
    "Write --link or --link=false.",
  ],
  [
    "FROM a\nCOPY --chown=x --chown=y a b",
    "DOCKERFILE_FLAG",
    "Dockerfile:2:16: --chown stands twice",
    undefined,
  ],
  [
    "FROM a\nRUN --network=hots x",
    "DOCKERFILE_FLAG",
    'Dockerfile:2:5: --network does not know "hots"',
    "Did you mean host? Known: default, none, host.",
  ],
  [
    "FROM a\nRUN --device=gpu x",
    "DOCKERFILE_FLAG",
    'Dockerfile:2:5: RUN --device is not in the stable syntax: "--device=gpu"',
    "It is of docker/dockerfile:1-labs.",
  ],
  [
    "FROM a\nRUN --mount=from=$x,target=/x y",
    "DOCKERFILE_FLAG",
    'Dockerfile:2:5: --mount: from cannot have a variable: "$x"',
    "Name it with a stage of its own: FROM IMAGE AS NAME, then from=NAME.",
  ],
  [
    "FROM a as 1b",
    "DOCKERFILE_SYNTAX",
    'Dockerfile:1:11: FROM: not a stage\'s name: "1b"',
    "It begins with a letter and has letters, digits, and _ - . only.",
  ],
  [
    "FROM a\nENV A=1 \\\n  B",
    "DOCKERFILE_SYNTAX",
    'Dockerfile:3:3: ENV: "B" has no =',
    "Write NAME=value, with quotes around a value that has spaces.",
  ],
  [
    'FROM a\nRUN ["a", 1]',
    "DOCKERFILE_SYNTAX",
    'Dockerfile:2:5: RUN: the JSON array ["a", 1] has more than strings',
    undefined,
  ],
  [
    "FROM a\nHEALTHCHECK --interval=soon CMD x",
    "DOCKERFILE_FLAG",
    'Dockerfile:2:13: not a length of time from 1ms on: "soon"',
    "Write it like 30s or 1m30s.",
  ],
  ["# nothing\n", "DOCKERFILE_SYNTAX", "Dockerfile:1:1: the file has no instruction", "Begin with FROM."],
] as const)("%j is refused with its place", ([text, code, message, hint]) => {
  expect(() => parseDockerfile(text, place)).toThrow(
    expect.objectContaining({ code, message, hint, exitCode: 2 }),
  );
});

test("an instruction has its line, its name as written, and what it says", () => {
  const { instructions } = parseDockerfile("# about\nfrom x\n\nRun --network=none \\\n  echo hi\n", place);
  expect(instructions).toMatchObject([
    {
      kind: "from",
      line: 2,
      written: "from",
      comments: ["about"],
      base: { text: "x", where: "Dockerfile:2:6" },
    },
    {
      kind: "run",
      line: 4,
      where: "Dockerfile:4:1",
      written: "Run",
      network: "none",
      command: { kind: "shell", text: "echo hi" },
    },
  ]);
});

const WORDS = [
  ..."FROM RUN COPY ADD ENV ARG LABEL ONBUILD HEALTHCHECK CMD SHELL EXPOSE VOLUME USER WORKDIR STOPSIGNAL".split(
    " ",
  ),
  ...[
    "MAINTAINER",
    "ENTRYPOINT",
    "AS",
    "NONE",
    "a",
    "b",
    "/c",
    "A=1",
    "#",
    "# escape=`",
    "# syntax=x",
    "\n",
    "\n",
  ],
  ...[
    "\\\n",
    "`\n",
    "\r\n",
    " ",
    "\t",
    "--from=a",
    "--mount=type=cache,target=/x",
    "--chown=",
    "--",
    "--x",
    "=",
  ],
  ...[
    "<<EOF",
    "<<-'E'",
    "EOF\n",
    "E\n",
    '["a"]',
    "[1]",
    "[",
    "]",
    "'",
    '"',
    "$",
    "${",
    "}",
    ":-",
    "\\",
    "\uFEFF",
  ],
];

/** Both text that looks like a Dockerfile and text that does not. */
const dockerfiles = fc.oneof(
  fc.string({ unit: "binary", maxLength: 2000 }),
  fc.array(fc.constantFrom(...WORDS), { maxLength: 300 }).map((words) => words.join(" ")),
  fc.array(fc.constantFrom(...WORDS), { maxLength: 300 }).map((words) => words.join("")),
);

test("whatever the text, it parses or is refused", () => {
  fc.assert(
    fc.property(dockerfiles, (text) => {
      expectParsed(`FROM a\n${text}`);
      expectParsed(text);
    }),
    { numRuns: 1000 },
  );
});

test("64 kB of anything end too", () => {
  for (const word of [
    ...WORDS,
    "${x:-",
    "<<A ",
    "RUN <<A\nA\n",
    "# a\n",
    "FROM a\n",
    "RUN [",
    "COPY a \\\n",
  ]) {
    for (const head of [
      "",
      "FROM a\n",
      "FROM a\nRUN ",
      "FROM a\nENV A=",
      "FROM a\nCOPY --from=",
      "FROM a\nEXPOSE ",
    ]) {
      expectParsed((head + word.repeat(Math.ceil(65_536 / word.length))).slice(0, 65_536));
    }
  }
});

function expectParsed(text: string): void {
  try {
    expect(parseDockerfile(text, place).instructions.length).toBeGreaterThan(0);
  } catch (error) {
    if (!(error instanceof CambiumError)) throw error;
    expect(error.message).toMatch(/^Dockerfile:\d+:\d+: /);
  }
}
