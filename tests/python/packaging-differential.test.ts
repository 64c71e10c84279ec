import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import {
  evaluateMarker,
  markerEnvironment,
  parseMarker,
} from "../../src/ecosystems/python/standards/marker.ts";
import { parseRequirement } from "../../src/ecosystems/python/standards/requirement.ts";
import { parseSpecifier, satisfies } from "../../src/ecosystems/python/standards/specifier.ts";
import { compatibleTags } from "../../src/ecosystems/python/standards/tags.ts";
import {
  compareVersions,
  formatVersion,
  parseVersion,
  tryVersion,
} from "../../src/ecosystems/python/standards/version.ts";
import type { PythonTarget } from "../../src/ecosystems/python/target.ts";
import { CambiumError } from "../../src/errors.ts";

/** The PyPA's own implementation, a wheel that is imported without being installed. */
const PACKAGING = {
  filename: "packaging-26.3-py3-none-any.whl",
  sha256: "d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c",
};

const cache = resolve(import.meta.dirname, "../../.cache/packaging");
const wheel = join(cache, PACKAGING.filename);

beforeAll(() => {
  if (!existsSync(wheel)) {
    mkdirSync(cache, { recursive: true });
    const options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"];
    execFileSync("python3", ["-m", "pip", "download", ...options, "--dest", cache, "packaging==26.3"]);
  }
  expect(createHash("sha256").update(readFileSync(wheel)).digest("hex")).toBe(PACKAGING.sha256);
});

/** What `packaging` says to each case. */
function ask(kind: string, cases: readonly unknown[]): unknown[] {
  const script = join(import.meta.dirname, "packaging-answers.py");
  const output = execFileSync("python3", ["-I", script, wheel], {
    input: JSON.stringify({ [kind]: cases }),
    maxBuffer: 1 << 28,
    encoding: "utf8",
  });
  return JSON.parse(output)[kind];
}

/** The same cases in every run; another seed makes others. */
function sample<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  return fc.sample(arbitrary, { numRuns: count, seed: 20_261_121 });
}

/** The answer, or `null` where `packaging` is asked for and we refuse the text. */
function orNull<T>(answer: () => T): T | null {
  try {
    return answer();
  } catch (error) {
    if (error instanceof CambiumError) return null;
    throw error;
  }
}

const digits = fc.constantFrom("0", "1", "2", "3", "10", "007", "20260101123456789");
const versionText = fc
  .tuple(
    fc.constantFrom("", "", "", "v", " "),
    fc.constantFrom("", "", "", "", "1!", "0!"),
    fc.array(digits, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(".")),
    fc.constantFrom("", "", "", "a1", "-beta.2", "RC", "_c3", "pre0", "alpha"),
    fc.constantFrom("", "", "", ".post1", "-1", "rev", "-r.4"),
    fc.constantFrom("", "", "", ".dev0", "dev3", "-DEV1"),
    fc.constantFrom("", "", "", "+a", "+1", "+1.a", "+a.1", "+1e5", "+Ubuntu-01", "+0x10"),
  )
  .map((parts) => parts.join(""));
/** Mostly versions, and what is nearly one. */
const nearlyVersion = fc.oneof(
  { weight: 4, arbitrary: versionText },
  { weight: 1, arbitrary: fc.stringMatching(/^[v0-9.a-c!+ -]{0,8}$/) },
);

test("versions are accepted and normalised as packaging does", () => {
  const cases = sample(nearlyVersion, 3000);
  const ours = cases.map((text) => {
    const version = tryVersion(text);
    return version === undefined ? null : formatVersion(version);
  });
  expect(ours).toEqual(ask("versions", cases));
  expect(ours.filter((answer) => answer !== null).length).toBeGreaterThan(1500);
});

test("versions are ordered as packaging does", () => {
  const cases = sample(fc.tuple(versionText, versionText), 3000);
  const ours = cases.map(
    ([a, b]) => Math.sign(compareVersions(parseVersion(a, "test"), parseVersion(b, "test"))) + 0,
  );
  expect(ours).toEqual(ask("orders", cases));
});

const clause = fc
  .tuple(
    fc.constantFrom("==", "!=", ">=", "<=", ">", "<", "~=", "===", "=", ""),
    versionText,
    fc.constantFrom("", "", "", ".*"),
  )
  .map(([operator, version, tail]) => `${operator}${version.trim()}${tail}`);
const specifierText = fc.array(clause, { minLength: 1, maxLength: 2 }).map((clauses) => clauses.join(", "));

test("specifiers hold for the versions that packaging says", () => {
  const cases = sample(fc.record({ specifier: specifierText, version: versionText }), 8000).map((one, i) => {
    // A version near those of the clauses, or nothing but `false` would ever be the answer.
    const own = /\d+(?:!\d+)?(?:\.\d+)*/.exec(one.specifier)?.[0];
    const tail = ["", ".post1", ".dev1", "+x", ".0", "a1"][i % 6];
    const version = i % 2 === 0 && own !== undefined ? `${own}${tail}` : one.version;
    // Normalised, as our versions always are: `===` compares what is written.
    return { ...one, version: formatVersion(parseVersion(version, "test")) };
  });
  const ours = cases.map(({ specifier, version }) =>
    orNull(() => satisfies(parseVersion(version, "test"), parseSpecifier(specifier, "test"))),
  );
  const theirs = ask("specifiers", cases);
  const differences = cases.flatMap((one, i) =>
    ours[i] === theirs[i] ? [] : [{ ...one, ours: ours[i], theirs: theirs[i] }],
  );
  expect(differences.slice(0, 8)).toEqual([]);
  for (const answer of [true, false, null])
    expect(ours.filter((one) => one === answer).length).toBeGreaterThan(500);
});

const targets: PythonTarget[] = ["3.8.0", "3.11.2", "3.13.5", "3.14.0"].flatMap((version) =>
  (["amd64", "arm64"] as const).map((architecture) => ({
    version,
    platform: { os: "linux", architecture } as const,
    glibc: [2, version === "3.13.5" ? 41 : 36] as const,
  })),
);

const operator = fc.constantFrom("==", "!=", ">=", "<=", ">", "<", "~=", "===", "in", "not in");
const literal = fc.constantFrom(
  "3.8",
  "3.11",
  "3.11.2",
  "3.*",
  "3.11.*",
  "3.9, 3.11",
  "linux",
  "win32",
  "posix",
  "",
  "x86_64 aarch64",
  "CPython",
  "4.0",
);
const variable = fc.constantFrom(
  "python_version",
  "python_full_version",
  "os_name",
  "sys_platform",
  "platform_machine",
  "platform_release",
  "platform_version",
  "implementation_version",
  "platform.python_implementation",
);
const comparison = fc
  .tuple(variable, operator, literal, fc.boolean())
  .map(([name, sign, text, isReversed]) =>
    isReversed ? `'${text}' ${sign} ${name}` : `${name} ${sign} "${text}"`,
  );
const membership = fc
  .tuple(
    fc.constantFrom("Web_UI", "dev", "x"),
    fc.constantFrom("in", "not in"),
    fc.constantFrom("extras", "dependency_groups"),
  )
  .map((parts) => `'${parts[0]}' ${parts[1]} ${parts[2]}`);
const extraEquals = fc.constantFrom("extra == 'Web_UI'", "extra != 'web.ui'", "'dev' == extra");

function markerText(atom: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.letrec<{ text: string }>((tie) => ({
    text: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      { weight: 3, arbitrary: atom },
      {
        weight: 1,
        arbitrary: fc
          .tuple(tie("text"), fc.constantFrom("and", "or"), tie("text"))
          .map((parts) => parts.join(" ")),
      },
      { weight: 1, arbitrary: tie("text").map((text) => `(${text})`) },
    ),
  })).text;
}

test("markers hold where packaging says, in requirements and in lock files", () => {
  const world = fc.record({
    target: fc.constantFrom(...targets),
    extras: fc.subarray(["web-ui", "dev"]),
    groups: fc.subarray(["dev", "x"]),
  });
  const kinds = [
    {
      isLock: true,
      text: markerText(fc.oneof({ weight: 3, arbitrary: comparison }, { weight: 1, arbitrary: membership })),
    },
    {
      isLock: false,
      text: markerText(fc.oneof({ weight: 3, arbitrary: comparison }, { weight: 1, arbitrary: extraEquals })),
    },
  ];
  for (const { isLock, text } of kinds) {
    const cases = sample(fc.tuple(text, world), 4000).map(([text, { target, extras, groups }]) => ({
      text,
      isLock,
      environment: markerEnvironment(target),
      // Outside of lock files packaging knows one extra at a time.
      extras: isLock ? extras : extras.slice(0, 1),
      groups,
    }));
    const ours = cases.map(({ text, environment, extras, groups }) =>
      orNull(() => evaluateMarker(parseMarker(text, "test"), environment, { extras, groups })),
    );
    const theirs = ask("markers", cases);
    const differences = cases.flatMap(({ text, environment, extras, groups }, i) => {
      const { python_full_version, platform_machine } = environment;
      return ours[i] === theirs[i]
        ? []
        : [{ text, python_full_version, platform_machine, extras, groups, ours: ours[i], theirs: theirs[i] }];
    });
    expect(differences.slice(0, 8)).toEqual([]);
    for (const answer of [true, false, null])
      expect(ours.filter((one) => one === answer).length).toBeGreaterThan(200);
  }
});

test("requirements are accepted, refused and taken apart as packaging does", () => {
  const blank = fc.constantFrom("", "", " ", "  ", "\t");
  const text = fc
    .tuple(
      fc.constantFrom("a", "A_b.C", "x1", "a-", "-a", "a b"),
      blank,
      fc.constantFrom("", "", "[x]", "[x , Y_z]", "[]", "[x y]", "[x,]", "["),
      blank,
      fc.oneof(
        specifierText,
        fc.constantFrom(
          "",
          "(>=1)",
          "(>=1, <2)",
          "(>=1",
          "@ https://host.example/a.whl",
          "@https://host.example/a b",
          ">=1,",
          ">=1 <2",
          "== 1.*",
        ),
      ),
      blank,
      fc.constantFrom(
        "",
        "",
        ";",
        "; os_name == 'nt'",
        ";python_version>'3'and(os_name!='x')",
        "; os_name",
        " ; extra == 'A'",
        "# no",
      ),
    )
    .map((parts) => parts.join("").trim());
  // packaging reads a comma after `===1.0` as part of the version, and then refuses `===1.0, >=1`, which pip once took.
  const cases = sample(text, 8000).filter((line) => !/===.*,/.test(line));
  const ours = cases.map((line) =>
    orNull(() => {
      const { name, extras, specifier, url, marker } = parseRequirement(line, "test");
      const operators = [...new Set(specifier.map((one) => one.operator as string))].sort();
      return { name, extras, specifier: operators, url: url ?? null, marker: marker !== undefined };
    }),
  );
  const theirs = ask("requirements", cases);
  const differences = cases.flatMap((line, i) =>
    JSON.stringify(ours[i]) === JSON.stringify(theirs[i]) ? [] : [{ line, ours: ours[i], theirs: theirs[i] }],
  );
  expect(differences.slice(0, 8)).toEqual([]);
  expect(ours.filter((answer) => answer !== null).length).toBeGreaterThan(500);
  expect(ours.filter((answer) => answer === null).length).toBeGreaterThan(500);
});

test("compatibility tags stand in the very order of packaging", () => {
  const cases = targets.map(({ version, platform, glibc }) => ({
    python: version.split(".").slice(0, 2).map(Number),
    machine: platform.architecture === "arm64" ? "aarch64" : "x86_64",
    glibc,
  }));
  expect(targets.map((target) => compatibleTags(target).list)).toEqual(ask("tags", cases));
});
