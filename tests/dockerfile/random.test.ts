// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Dockerfiles' variables.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CambiumError } from "../../src/errors.ts";
import { expand } from "../../src/frontend/dockerfile/expand.ts";
import { needs } from "../support/needs.ts";
import type { Case } from "./cases.ts";
import { ofBuildKit, ofOurs, readCase } from "./compare.ts";
import { variables } from "./expressions.ts";
import { ask, buildRequest, images } from "./oracle.ts";

/** One seed, so that a run tells of the code and not of its luck. Another one may be tried by hand. */
const seed = 20_261_121;

const expressionParts = fc.constantFrom(
  ...[
    "${",
    "}",
    "$",
    "a",
    "b",
    "PWD",
    "NULL",
    "unset",
    ":",
    "-",
    "+",
    "?",
    "#",
    "%",
    "/",
    "//",
    "*",
    "'",
    '"',
    "\\",
  ],
  ...[" ", "é", "x", "file", "dots", "<<", "<", "1", "@", "_", "${unset:-", "${a:+", "${file#", "${dots%%"],
  ...["${file//", "\\}", "\\/", "`"],
);

const words = fc.constantFrom(
  ...[
    "a",
    "b",
    "/c",
    "d/",
    "$A",
    "${B:-x}",
    "'q q'",
    '"d d"',
    "x\\ y",
    "A=1",
    "B=$A",
    "C='1 2'",
    '["a","b"]',
    "[]",
  ],
  ...["--from=s", "--from=0", "--chown=1:2", "--chmod=644", "--link", "--mount=type=cache,target=/m", "\\\n"],
  ...[
    "--mount=type=secret,id=x",
    "--network=none",
    "\\\n#c\n",
    "\\\n\n",
    "80",
    "1-3/udp",
    "$",
    "${",
    "}",
    "'",
    '"',
  ],
  ...[
    ".",
    "..",
    "/",
    "=",
    "a=",
    "--",
    "CMD x",
    "NONE",
    'CMD ["a"]',
    "RUN x",
    "COPY a b",
    "SIGTERM",
    "9",
    "é",
  ],
  ...["https://e.example/f", "--exclude=*.x", "/./"],
);
const heads = fc.constantFrom(
  ...[
    "RUN",
    "COPY",
    "ADD",
    "ENV",
    "LABEL",
    "ARG",
    "USER",
    "WORKDIR",
    "EXPOSE",
    "VOLUME",
    "CMD",
    "ENTRYPOINT",
  ],
  ...[
    "SHELL",
    "HEALTHCHECK",
    "ONBUILD",
    "STOPSIGNAL",
    "FROM debian AS s",
    "FROM s",
    "FROM debian",
    "MAINTAINER",
  ],
  ...["run", "# comment", "# check=skip=all", ""],
);
const heredocs = fc.constantFrom(
  ...[
    "RUN <<EOF\nbody $A\nEOF",
    "COPY <<EOF a /d/\n$A 'q\nEOF",
    "RUN <<-'X'\n\t#!/bin/x\n\tX",
    "ADD <<-X /x\n\tt\n\tX",
  ],
  ...["RUN a <<EOF <<B\n1\nEOF\n2\nB", "ONBUILD COPY <<EOF /x\n$A\nEOF"],
);
const lines = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(heads, fc.array(words, { maxLength: 4 }))
      .map(([head, more]) => [head, ...more].join(" ")),
  },
  { weight: 1, arbitrary: heredocs },
);
const files = fc
  .tuple(fc.constantFrom("", "", "", "# escape=`\n"), fc.array(lines, { minLength: 1, maxLength: 5 }))
  .map(
    ([head, body]): Case => ({
      name: "",
      text: `${head}FROM debian AS z\n${body.join("\n")}\n`,
      buildArgs: new Map([["A", "arg"]]),
    }),
  );

describe.runIf(needs("dockerfile-oracle"))("BuildKit's Dockerfile frontend, asked at random", () => {
  test("expands the same texts to the same", () => {
    const texts = fc.sample(
      fc.array(expressionParts, { maxLength: 9 }).map((parts) => parts.join("")),
      {
        seed,
        numRuns: 10_000,
      },
    );
    const env = [...variables].map(([name, value]) => `${name}=${value}`);
    const answers = ask(texts.map((text) => ({ Kind: "expand", Text: text, Escape: "\\", Env: env })));
    const our = texts.map((text) => {
      const result = expand(text, variables, { escapeMark: "\\" });
      return [text, "problem" in result ? "error" : result.text];
    });
    expect(our).toEqual(
      texts.map((text, index) => [
        text,
        answers[index]!.error === undefined ? answers[index]!.text : "error",
      ]),
    );
  });

  test("reads and refuses the same files", async () => {
    const cases = fc.sample(files, { seed, numRuns: 3000 });
    const answers = ask(cases.map((one) => buildRequest(one, images)));
    let read = 0;
    for (const [index, one] of cases.entries()) {
      const answer = answers[index]!;
      const ours = await readCase(one).catch((error: unknown) => error);
      if (ours instanceof Error) {
        expect(ours, one.text).toBeInstanceOf(CambiumError);
        expect(answer.error, `${one.text}\n${ours.message}`).toBeDefined();
        continue;
      }
      expect(answer.error, one.text).toBeUndefined();
      expect(ofOurs(ours as Awaited<ReturnType<typeof readCase>>), one.text).toEqual(ofBuildKit(answer));
      read += 1;
    }
    expect(read).toBeGreaterThan(300);
  });
});
