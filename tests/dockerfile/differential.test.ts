import { describe, expect, test } from "vitest";
import { CambiumError } from "../../src/errors.ts";
import { expandWords } from "../../src/frontend/dockerfile/expand.ts";
import type { ReadDockerfile } from "../../src/frontend/dockerfile/read-dockerfile.ts";
import { readStatements } from "../../src/frontend/dockerfile/statements.ts";
import { needs } from "../support/needs.ts";
import { readCases } from "./cases.ts";
import { ofBuildKit, ofOurs, readCase } from "./compare.ts";
import { endsInLoneBackslash, lostWords, otherVerdict } from "./differences.ts";
import { expressions, variables } from "./expressions.ts";
import { type Answer, ask, buildRequest, images } from "./oracle.ts";

const cases = readCases();
const isHere = needs("dockerfile-oracle");

describe.runIf(isHere)("BuildKit's Dockerfile frontend", () => {
  test("splits every file of the corpus into the same statements", () => {
    const answers = ask(cases.map(({ text }) => ({ Kind: "parse", Text: text })));
    const compared = cases.map(
      ({ name, text }, index) => [name, ours(text), theirs(answers[index]!)] as const,
    );
    // A file that BuildKit does not parse has nothing to compare; that we refuse it is the next test's.
    const parsed = compared.filter(([, , their]) => their !== undefined);
    expect(parsed.length).toBeGreaterThan(100);
    expect(parsed.map(([name, our]) => [name, our])).toEqual(parsed.map(([name, , their]) => [name, their]));
  });

  const answers = isHere ? ask(cases.map((one) => buildRequest(one, images))) : [];
  test.for(cases.map((one, index) => ({ ...one, answer: answers[index]! })))(
    "builds the same of: $name",
    async (one) => {
      const read = await readCase(one).catch((error: unknown) => error);
      const isOther = Object.hasOwn(otherVerdict, one.name);
      if (isOther) expect(read instanceof Error).not.toBe(one.answer.error !== undefined);
      if (isOther) return;
      const isError = one.name.endsWith(" error");
      expect(one.answer.error !== undefined, `BuildKit: ${one.answer.error}`).toBe(isError);
      if (isError) {
        expect(read).toBeInstanceOf(CambiumError);
        return;
      }
      if (read instanceof Error) throw read;
      expect(ofOurs(read as ReadDockerfile)).toEqual(ofBuildKit(one.answer));
    },
  );

  test.for(["\\", "`"] as const)("expands alike with the escape character %s", (escapeMark) => {
    const env = [...variables].map(([name, value]) => `${name}=${value}`);
    const compared = expressions.filter((text) => !endsInLoneBackslash(text, escapeMark));
    const given = ask(compared.map((text) => ({ Kind: "expand", Text: text, Escape: escapeMark, Env: env })));
    const our = compared.map((text) => {
      const result = expandWords(text, variables, { escapeMark });
      if ("problem" in result) return [text, "error"];
      return [text, { text: result.text, words: lostWords.includes(text) ? undefined : result.words }];
    });
    const their = compared.map((text, index) => {
      const { error, text: expanded, words } = given[index]!;
      if (error !== undefined) return [text, "error"];
      return [text, { text: expanded, words: lostWords.includes(text) ? undefined : (words ?? []) }];
    });
    expect(compared.length).toBeGreaterThan(1000);
    expect(our).toEqual(their);
  });
});

function ours(text: string) {
  try {
    return readStatements(text, (line, column) => `${line}:${column}`).statements.map((statement) => ({
      instruction: statement.instruction.text,
      line: statement.line.line,
      original: statement.line.text,
      flags: statement.flags.map((flag) => flag.text),
      heredocs: statement.heredocs,
    }));
  } catch (error) {
    return String(error);
  }
}

function theirs({ statements }: Answer) {
  return statements?.map((statement) => ({
    ...statement,
    flags: statement.flags ?? [],
    heredocs: (statement.heredocs ?? []).map(({ name, expand: isExpanded, chomp: dropsTabs, body }) => ({
      name,
      isExpanded,
      dropsTabs,
      body,
    })),
  }));
}
