import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunKeyDocument } from "../graph/step-key.ts";
import { compareRuns } from "./compare-run.ts";
import type { DifferenceField } from "./difference.ts";
import { type Lens, plainLens, saltedLens } from "./lens.ts";
import { saltedDocument } from "./portable-build.ts";

type Mount = RunKeyDocument["mounts"][number];

const word = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !text.startsWith("~"));
const path = fc.stringMatching(/^\/[a-z]{1,8}$/);

const mount: fc.Arbitrary<Mount> = fc.oneof(
  fc.record({ type: fc.constant("cache" as const), target: path }),
  fc.record({ type: fc.constant("bind" as const), target: path, content: word, isReadOnly: fc.boolean() }),
  fc.record({ type: fc.constant("tmpfs" as const), target: path, sizeBytes: fc.nat() }),
  fc.record({ type: fc.constant("secret" as const), id: word, target: path }),
);

const documents: fc.Arbitrary<RunKeyDocument> = fc.record({
  version: fc.constant(1 as const),
  op: fc.constant("run" as const),
  platform: fc.constantFrom("linux/amd64", "linux/arm64"),
  argv: fc.array(word, { minLength: 1, maxLength: 4 }),
  env: fc.uniqueArray(fc.tuple(fc.stringMatching(/^[A-Z]{1,6}$/), word), {
    selector: ([name]) => name,
    maxLength: 5,
  }),
  cwd: path,
  user: word,
  network: fc.constantFrom("default", "host", "none"),
  security: fc.constantFrom("sandbox", "insecure"),
  mounts: fc.uniqueArray(mount, { selector: ({ target }) => target, maxLength: 4 }),
  scripts: fc.array(fc.record({ path, content: word }), { maxLength: 2 }),
  sourceDateEpoch: fc.nat(),
  below: fc.array(word, { maxLength: 3 }),
});

/** One change of one field, and what is to be found: `name` where the field has several. */
type Change = {
  readonly field: DifferenceField;
  readonly name?: string;
  readonly now: RunKeyDocument;
};

function changesOf(one: RunKeyDocument): Change[] {
  const { env, mounts, scripts } = one;
  const other = (text: string) => `${text}+`;
  return [
    { field: "platform", now: { ...one, platform: "linux/riscv64" } },
    { field: "command", now: { ...one, argv: [...one.argv.slice(0, -1), other(one.argv.at(-1)!)] } },
    ...(one.argv.length > 1
      ? [{ field: "shell", now: { ...one, argv: [other(one.argv[0]!), ...one.argv.slice(1)] } } as const]
      : []),
    { field: "working directory", now: { ...one, cwd: other(one.cwd) } },
    { field: "user", now: { ...one, user: other(one.user) } },
    { field: "network", now: { ...one, network: one.network === "none" ? "host" : "none" } },
    { field: "security", now: { ...one, security: one.security === "sandbox" ? "insecure" : "sandbox" } },
    { field: "SOURCE_DATE_EPOCH", now: { ...one, sourceDateEpoch: one.sourceDateEpoch! + 1 } },
    { field: "variable", name: "ADDED", now: { ...one, env: [...env, ["ADDED", "x"]] } },
    ...env.flatMap(([name, value], at): Change[] => [
      { field: "variable", name, now: { ...one, env: env.with(at, [name, other(value)]) } },
      { field: "variable", name, now: { ...one, env: env.toSpliced(at, 1) } },
    ]),
    {
      field: "mount",
      name: "/added/",
      now: { ...one, mounts: [...mounts, { type: "cache", target: "/added/" }] },
    },
    ...mounts.flatMap((mount, at): Change[] => [
      { field: "mount", now: { ...one, mounts: mounts.toSpliced(at, 1) } },
      { field: "mount", name: mount.target!, now: { ...one, mounts: mounts.with(at, changed(mount)) } },
    ]),
    { field: "script", name: "/s/", now: { ...one, scripts: [...scripts, { path: "/s/", content: "" }] } },
    ...scripts.map((script, at): Change => {
      const now = scripts.with(at, { ...script, content: other(script.content) });
      return { field: "script", name: script.path, now: { ...one, scripts: now } };
    }),
  ];
}

function changed(mount: Mount): Mount {
  switch (mount.type) {
    case "bind":
      return { ...mount, content: `${mount.content}+` };
    case "tmpfs":
      return { ...mount, sizeBytes: (mount.sizeBytes ?? 0) + 1 };
    case "secret":
      return { ...mount, id: `${mount.id}+` };
    case "cache":
    case "ssh":
      return { type: "tmpfs", target: mount.target };
  }
}

const fieldsIn = (before: RunKeyDocument, now: RunKeyDocument, lens: Lens) =>
  compareRuns(before, now, lens, () => []);

test("of a random document exactly the field that was changed is found, plain or salted", () => {
  fc.assert(
    fc.property(documents, fc.string(), (before, salt) => {
      const told = saltedDocument(before, salt);
      for (const { field, name, now } of changesOf(before)) {
        for (const found of [fieldsIn(before, now, plainLens), fieldsIn(told, now, saltedLens(salt))]) {
          expect(found.map((one) => one.field)).toEqual([field]);
          // What only another machine had is not told.
          if (name !== undefined && found[0]!.change !== "removed") expect(found[0]!.name).toBe(name);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a document is not different from itself, plain or salted", () => {
  fc.assert(
    fc.property(documents, fc.string(), (one, salt) => {
      expect(fieldsIn(one, one, plainLens)).toEqual([]);
      expect(fieldsIn(saltedDocument(one, salt), one, saltedLens(salt))).toEqual([]);
    }),
  );
});

test("no text that somebody chose is in a salted document, and another salt is another document", () => {
  fc.assert(
    fc.property(documents, fc.uniqueArray(word, { minLength: 2, maxLength: 2 }), (one, [salt, other]) => {
      const secret = "s3cret-of-a-build-argument";
      const document: RunKeyDocument = {
        ...one,
        argv: [secret],
        env: [["TOKEN", secret]],
        cwd: `/${secret}`,
        user: secret,
        scripts: [{ path: secret, content: secret }],
        mounts: [{ type: "secret", id: secret, target: secret, env: secret }],
      };
      const told = JSON.stringify(saltedDocument(document, salt!));
      expect(told).not.toContain(secret);
      expect(told).toContain("TOKEN");
      expect(told).not.toBe(JSON.stringify(saltedDocument(document, other!)));
    }),
  );
});

test("variables in another order are told as that", () => {
  fc.assert(
    fc.property(documents, (one) => {
      fc.pre(one.env.length > 1);
      expect(fieldsIn(one, { ...one, env: one.env.toReversed() }, plainLens)).toMatchObject([
        { field: "variable", change: "changed" },
      ]);
    }),
  );
});
