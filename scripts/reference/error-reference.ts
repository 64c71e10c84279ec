import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { callArguments, textOf } from "../call-arguments.ts";
import { root } from "../paths.ts";

/** One way in which a code is used. `exit` is what the process answers; a warning ends nothing. */
type Use = { readonly code: string; readonly message: string; readonly hint?: string; readonly exit: string };

/** Texts in capitals that are not ours: environment variables, Linux capabilities, Node's and undici's codes. */
const foreign = /^(?:UV|PIP|XDG|CAP|ERR|UND_ERR|SSL|CAMBIUM|SOURCE_DATE|VIRTUAL|NODE|E[A-Z]+$)_?|_PROXY$/;

/** `docs/reference/errors.md`: every code in the source with the messages and hints it comes with. */
export function errorReference(): string {
  const uses = sourceTexts().flatMap(usesIn);
  const codes = [...new Set(uses.map((use) => use.code))].sort();
  const sections = codes.map((code) =>
    section(
      code,
      uses.filter((use) => use.code === code),
    ),
  );
  return `# Errors and warnings

Generated from the source by \`npm run generate\`. A code is stable: scripts may depend on it; messages may change.
An ellipsis stands for a value. Exit codes: 1 the build failed, 2 wrong usage or configuration, 3 the environment
lacks something.

${sections.join("\n")}`;
}

function section(code: string, uses: readonly Use[]): string {
  const exits = [...new Set(uses.map((use) => use.exit))].sort().join(", ");
  const lines = new Set<string>();
  // A message made of values alone says nothing here, unless it is all there is.
  const telling = uses.filter((use) => /\p{L}/u.test(use.message));
  for (const { message, hint } of telling.length > 0 ? telling : uses) {
    lines.add(`- ${escaped(message)}${hint === undefined ? "" : `\n  *Way out:* ${escaped(hint)}`}`);
  }
  return `## ${code}\n\n${exits}\n\n${[...lines].join("\n")}\n`;
}

/** Calls that begin with a code, and events that carry one. */
function usesIn(source: string): Use[] {
  const uses: Use[] = [];
  for (const match of source.matchAll(/\b(\w+)\(\s*"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)",/g)) {
    const [whole, callee = "", code = ""] = match;
    if (!isCode(code)) continue;
    const [, ...args] = callArguments(source, match.index + whole.indexOf("("));
    const message = args.map(textOf).find((text) => text !== undefined);
    if (message === undefined) continue;
    const options = args.find((arg) => arg.startsWith("{")) ?? "";
    const isShort = callee === "usageError" || callee === "environmentError";
    const hint = isShort ? textOf(args[1] ?? "") : hintIn(options);
    uses.push({ code, message, ...(hint === undefined ? {} : { hint }), exit: exitOf(callee, options) });
  }
  for (const match of source.matchAll(/(?<=\{\s*|,\s*)code: "([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)",/g)) {
    const [, code = ""] = match;
    const open = source.lastIndexOf("{", match.index);
    const members = callArguments(source, open);
    const message = textOf(members.find((member) => member.startsWith("message:")) ?? "");
    const hint = hintIn(`{${members.join(",")}}`);
    if (isCode(code) && message !== undefined) {
      uses.push({ code, message, ...(hint === undefined ? {} : { hint }), exit: "Warning." });
    }
  }
  return uses;
}

/** One word in capitals may be anything; only ours that stand alone are known by name. */
function isCode(text: string): boolean {
  return (text.includes("_") || text === "USAGE" || text === "INTERRUPTED") && !foreign.test(text);
}

function hintIn(options: string): string | undefined {
  const at = options.search(/\bhint:/);
  if (at === -1) return undefined;
  const [hint = ""] = callArguments(`(${options.slice(at + 5).replace(/\}\s*$/, "")})`, 0);
  return textOf(hint);
}

function exitOf(callee: string, options: string): string {
  if (callee === "usageError") return "Exit code 2.";
  if (callee === "environmentError") return "Exit code 3.";
  return `Exit code ${/\bexitCode: ([123])\b/.exec(options)?.[1] ?? "1"}.`;
}

function escaped(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/[<>|*_`]/g, (character) => `\\${character}`)
    .trim();
}

function sourceTexts(): string[] {
  const folder = join(root, "src");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8"));
}
