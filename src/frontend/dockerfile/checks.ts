import { usageError } from "../../errors.ts";
import { type Directive, parseDirective } from "./directives.ts";

/** `code` is the name of BuildKit's rule, as `# check=skip=…` has it; `line` from 1. */
export type Warning = { readonly code: string; readonly message: string; readonly line: number };

/** What `# check=` says: rules that are left out (`all`: every one), and whether a warning is an error. */
type Checks = { readonly skipped: ReadonlySet<string>; readonly isError: boolean };

const NO_CHECKS: Checks = { skipped: new Set(), isError: false };

/** Warnings as they are found, without those that the file does not want. */
export class Warnings {
  readonly #found: Warning[] = [];
  readonly #checks: Checks;
  readonly #where: string;
  /** Read once for an instruction, however many warnings it has. */
  readonly #ofComments = new WeakMap<readonly string[], Checks>();

  /** @throws CambiumError `DOCKERFILE_SYNTAX` for a `# check=` that cannot be read. */
  constructor(directives: readonly Directive[], place: (line: number, column: number) => string) {
    const directive = directives.find(({ name }) => name === "check");
    this.#where = place(directive?.line ?? 1, 1);
    const checks = parseChecks(firstWord(directive?.value ?? ""));
    if (typeof checks === "string") {
      throw usageError(
        "DOCKERFILE_SYNTAX",
        `${this.#where}: check: ${checks}`,
        "Write # check=skip=RULE,RULE;error=true, or skip=all.",
      );
    }
    this.#checks = checks;
  }

  /** `comments`: those above the instruction, which may skip rules for it alone. */
  add(code: string, message: string, line: number, comments: readonly string[] = []): void {
    const own = this.#ofComments.get(comments) ?? checksOf(comments);
    this.#ofComments.set(comments, own);
    const isSkipped = [this.#checks, own].some(({ skipped }) => skipped.has("all") || skipped.has(code));
    if (!isSkipped) this.#found.push({ code, message, line });
  }

  /**
   * In the order of lines.
   * @throws CambiumError `DOCKERFILE_CHECK` where the file wants them as errors.
   */
  all(): readonly Warning[] {
    const sorted = this.#found.toSorted((a, b) => a.line - b.line);
    if (this.#checks.isError && sorted.length > 0) {
      const lines = sorted.map(({ code, message, line }) => `line ${line}: ${code}: ${message}`);
      throw usageError(
        "DOCKERFILE_CHECK",
        `${this.#where}: warnings are errors here:\n${lines.join("\n")}`,
        "Mend them, or leave rules out with # check=skip=RULE;error=true.",
      );
    }
    return sorted;
  }
}

function checksOf(comments: readonly string[]): Checks {
  const own = comments.map(parseDirective).find((directive) => directive?.name === "check");
  const checks = own === undefined ? NO_CHECKS : parseChecks(firstWord(own.value));
  return typeof checks === "string" ? NO_CHECKS : checks;
}

function parseChecks(text: string): Checks | string {
  if (text === "") return NO_CHECKS;
  const skipped = new Set<string>();
  let isError = false;
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(0, equals)).trim();
    const value = part.slice(equals + 1).trim();
    if (name === "skip") for (const rule of value.split(",")) skipped.add(rule.trim());
    else if (name === "error" && /^(?:1|0|t|f|true|false)$/i.test(value)) isError = /^(?:1|t)/i.test(value);
    // Rules that are tried out: there are none here.
    else if (name !== "experimental") return `cannot be read: ${JSON.stringify(part)}`;
  }
  return { skipped, isError };
}

function firstWord(text: string): string {
  return text.split(" ")[0]!;
}
