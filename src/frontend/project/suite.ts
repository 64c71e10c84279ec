import { parseSpecifier, satisfies } from "../../ecosystems/python/standards/specifier.ts";
import { parseVersion } from "../../ecosystems/python/standards/version.ts";
import { usageError } from "../../errors.ts";
import type { DebianBase } from "../../graph/definition.ts";
import { pythonConstraint } from "./poetry-constraint.ts";

export type Suite = DebianBase["suite"];

/** Newest first. A stable release keeps its upstream version: fixes are added to 3.11.2 as `3.11.2-6+deb12u6`. */
const SUITES: readonly { readonly suite: Suite; readonly python: string }[] = [
  { suite: "trixie", python: "3.13.5" },
  { suite: "bookworm", python: "3.11.2" },
];

const PIN_FILE = ".python-version";

/** Something the project says about its Python. `value` as written; `where` names the file or flag. */
export type PythonStatement = {
  /** `pin`: a version as in .python-version; `specifier`: PEP 440 as in requires-python; `poetry`: Poetry's own. */
  readonly kind: "pin" | "specifier" | "poetry";
  readonly value: string;
  readonly where: string;
};

/** `reason` completes "Debian trixie, Python 3.13: …". */
export type ChosenSuite = {
  readonly suite: Suite;
  readonly python: string;
  readonly reason: string;
  readonly notices: readonly string[];
};

/**
 * The newest suite whose Python meets everything that is stated; with nothing stated the newest. A suite that the
 * settings name (`explicit`) is only checked, and comes before .python-version, which is for the developer's machine.
 * A pin counts by its major and minor number, since Debian has one patch level of each.
 * @throws CambiumError `PYTHON_UNAVAILABLE`, `SPECIFIER_SYNTAX`.
 */
export function chooseSuite(stated: readonly PythonStatement[], explicit?: Suite): ChosenSuite {
  const statements = stated.filter(({ where }) => explicit === undefined || where !== PIN_FILE);
  const candidates = SUITES.filter(({ suite }) => explicit === undefined || suite === explicit);
  const fitting = candidates.find(({ python }) =>
    statements.every((statement) => meetsStatement(python, statement)),
  );
  if (fitting === undefined) throw unavailable(statements, candidates, explicit);
  const notices = statements.flatMap(({ kind, value, where }) => {
    const pinned = kind === "pin" ? /^\D*(\d+\.\d+\.\d+)$/.exec(value)?.[1] : undefined;
    return pinned === undefined || pinned === fitting.python
      ? []
      : [`${where} says Python ${pinned}; Debian ${fitting.suite} has ${fitting.python}.`];
  });
  return {
    suite: fitting.suite,
    python: minorOf(fitting.python),
    reason:
      explicit !== undefined
        ? "as set"
        : statements.map(({ value, where }) => `${where}: ${value}`).join(", ") ||
          "the newest, since nothing is stated",
    notices,
  };
}

/** What a .python-version says, in the forms of pyenv and uv; of several versions the first. */
export function pinFromFile(text: string): PythonStatement | undefined {
  const value = text
    .split(/\r?\n/)
    .map((line) => line.replace(/#.*/, "").trim())
    .find((line) => line !== "");
  if (value === undefined || value === "system") return undefined;
  return { kind: /^[<>=!~]/.test(value) ? "specifier" : "pin", value, where: PIN_FILE };
}

/** Whether a Python, as `3.12.4`, is one that the project allows. @throws CambiumError `SPECIFIER_SYNTAX`. */
export function meetsStatement(python: string, { kind, value, where }: PythonStatement): boolean {
  if (kind === "pin") {
    // uv and pyenv also write cpython-3.11.7-linux-x86_64-gnu; other implementations Debian's base does not have.
    const match = /^(?:c?python)?-?(\d+)(?:\.(\d+))?(?:\.\d+\w*)?(?:-\w.*)?$/.exec(value);
    if (match === null) return false;
    return match[2] === undefined
      ? python.startsWith(`${match[1]}.`)
      : minorOf(python) === `${match[1]}.${match[2]}`;
  }
  const alternatives = kind === "poetry" ? pythonConstraint(value) : [value];
  const version = parseVersion(python, "python");
  return alternatives.some((text) => satisfies(version, parseSpecifier(text, where)));
}

function minorOf(python: string): string {
  return python.split(".").slice(0, 2).join(".");
}

function unavailable(
  statements: readonly PythonStatement[],
  candidates: typeof SUITES,
  explicit: Suite | undefined,
): Error {
  const blamed = statements.filter(
    (statement) => !candidates.some(({ python }) => meetsStatement(python, statement)),
  );
  const shown = blamed.length === 0 ? statements : blamed;
  const list = candidates.map(({ suite, python }) => `${python} (${suite})`).join(", ");
  return usageError(
    "PYTHON_UNAVAILABLE",
    `no Python for ${shown.map(({ value, where }) => `${JSON.stringify(value)} (${where})`).join(" and ")}: ${
      explicit === undefined ? "Debian has" : `Debian ${explicit} was chosen, which has`
    } ${list}`,
    explicit === undefined
      ? "Allow one of these there, or name an image that has it with --base."
      : "Choose another `debian:`, or allow this Python there.",
  );
}
