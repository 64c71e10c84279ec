import { expect } from "vitest";
import type { Ran } from "./command.ts";
import { errorIn } from "./command.ts";
import { type FaultyServer, startFaultyServer } from "./faulty-server.ts";
import { digestIn, lockedWheel, pylockFiles, type Workplace, workplace } from "./project.ts";
import { illnessesOf } from "./store-health.ts";
import { wheel } from "./wheel.ts";

const filename = "reference-1.0-py3-none-any.whl";
const bytes = wheel(
  { "reference/__init__.py": "answer = 42\n", "reference/data.txt": "a line that deflates\n".repeat(5000) },
  { name: "reference" },
);

/** A correct project, built once in a store that has seen nothing else: what a store that saw a failure must equal. */
export type Reference = AsyncDisposable & {
  readonly server: FaultyServer;
  /** Holds a store to what it must be after a failure: well, without leftovers, and of use for a correct build. */
  expectUnharmed(place: Workplace): Promise<void>;
};

export async function startReference(): Promise<Reference> {
  const server = await startFaultyServer();
  const url = server.serve(`/reference/${filename}`, bytes);
  const files = await pylockFiles([lockedWheel("reference", url, bytes)]);
  const digestOf = async (place: Workplace) =>
    digestIn(await place.build(place.project("reference", files), ["--locked"]));
  const wanted = await (async () => {
    using place = await workplace();
    return await digestOf(place);
  })();
  return {
    server,
    async expectUnharmed(place) {
      expect(illnessesOf(place.store)).toEqual([]);
      expect(await digestOf(place)).toBe(wanted);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export type Failure = {
  readonly exitCode: number;
  readonly code: string;
  /** What the message must quote of what is wrong. */
  readonly quotes: readonly string[];
  /** The way out. */
  readonly hint: RegExp;
};

/** Holds a run to a failure: exit code, code, the value and the way out; nothing on stdout. */
export function expectFailure(ran: Ran, { exitCode, code, quotes, hint }: Failure): void {
  const error = errorIn(ran);
  expect({ exitCode: ran.exitCode, stdout: ran.stdout, error: error.slice(0, code.length + 8) }).toEqual({
    exitCode,
    stdout: "",
    error: `error[${code}]:`,
  });
  for (const quote of quotes) expect(error).toContain(quote);
  expect(error.split("\n").find((line) => line.startsWith("hint: "))).toBeDefined();
  expect(error).toMatch(hint);
}
