import { usageError } from "../errors.ts";
import { compileGlob, type Glob } from "./glob.ts";

/**
 * One line of a .dockerignore, or one `exclude` pattern. The rules are those of Docker's pattern matcher, written here
 * and not taken from @balena/dockerignore (which is the tests' oracle): a walk needs to know which directories it may
 * skip, and that library answers wrongly for files named like Object's members (`constructor`) and for `+` or `(`.
 */
export type IgnoreRule = {
  readonly glob: Glob;
  /** Written with `!`: what it matches is in again. */
  readonly isNegated: boolean;
  /** As a person would look it up: `.dockerignore:3`. */
  readonly where: string;
};

/** `reincluded`: a `!` rule had the last word. */
export type IgnoreVerdict = "none" | "excluded" | "reincluded";

/** What the rules say of one path. `matches[i]`: rule i matches the path or a parent; hand it to the children. */
export type IgnoreAnswer = {
  readonly verdict: IgnoreVerdict;
  readonly rule?: IgnoreRule;
  readonly matches: readonly boolean[];
};

/** @throws CambiumError `GLOB_SYNTAX` with file and line. */
export function parseDockerIgnore(text: string, file: string): IgnoreRule[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .flatMap((line, index) => (line.startsWith("#") ? [] : parseRule(line, `${file}:${index + 1}`)));
}

/** Patterns given in settings; `where` names the setting. */
export function parseExcludes(patterns: readonly string[], where: string): IgnoreRule[] {
  return patterns.flatMap((pattern) => parseRule(pattern, where));
}

function parseRule(line: string, where: string): IgnoreRule[] {
  let pattern = line.trim();
  if (pattern === "") return [];
  const isNegated = pattern.startsWith("!");
  if (isNegated) pattern = pattern.slice(1).trim();
  if (pattern === "") {
    throw usageError(
      "GLOB_SYNTAX",
      `${where}: "!" stands alone`,
      "Write the pattern behind it, as in !keep.txt",
    );
  }
  const clean = cleanPath(pattern);
  // "." and "/" name the context itself, which nothing can exclude (moby/patternmatcher behaves so).
  if (clean === "." || clean === "") return [];
  return [{ glob: compileGlob(clean, where), isNegated, where }];
}

/** Go's filepath.Clean, without the leading slash: patterns are relative to the context's root. */
function cleanPath(pattern: string): string {
  const segments: string[] = [];
  for (const segment of pattern.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === ".." && segments.length > 0 && segments.at(-1) !== "..") segments.pop();
    else if (segment !== ".." || !pattern.startsWith("/")) segments.push(segment);
  }
  return segments.join("/");
}

/**
 * A rule that matches a directory matches what is below it; the last matching rule decides.
 * `parentMatches` is the answer's `matches` for the directory that holds `path` (empty for the root).
 */
export function askRules(
  rules: readonly IgnoreRule[],
  path: string,
  parentMatches: readonly boolean[],
): IgnoreAnswer {
  let verdict: IgnoreVerdict = "none";
  let deciding: IgnoreRule | undefined;
  const matches: boolean[] = [];
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]!;
    const isMatch = parentMatches[i] === true || rule.glob.matches(path);
    matches.push(isMatch);
    if (isMatch) {
      deciding = rule;
      verdict = rule.isNegated ? "reincluded" : "excluded";
    }
  }
  return deciding === undefined ? { verdict, matches } : { verdict, rule: deciding, matches };
}

/** `askRules` for a path by itself, its parents asked first. */
export function askRulesAlone(rules: readonly IgnoreRule[], path: string): IgnoreAnswer {
  const segments = path.split("/");
  let answer: IgnoreAnswer = { verdict: "none", matches: [] };
  for (let i = 1; i <= segments.length; i++) {
    answer = askRules(rules, segments.slice(0, i).join("/"), answer.matches);
  }
  return answer;
}
