import type { Escape } from "./directives.ts";
import {
  type Pattern,
  parsePattern,
  replaceAll,
  replaceFirst,
  withoutPrefix,
  withoutSuffix,
} from "./pattern.ts";
import { isSpace } from "./space.ts";

/** Names that a text may use; the order is that of their setting. */
export type Variables = ReadonlyMap<string, string>;

export type ExpandRules = {
  readonly escapeMark: Escape;
  /** Quotes stay in the text. */
  readonly keepsQuotes?: boolean;
  /** Escape characters stay in the text. */
  readonly keepsEscapes?: boolean;
  /** Quotes mean nothing (the body of a heredoc). */
  readonly ignoresQuotes?: boolean;
  /** What is not set stays as written. */
  readonly keepsUnset?: boolean;
};

export type Expansion = {
  readonly text: string;
  /** The text split at spaces that are neither quoted nor escaped; only `expandWords` gives any. */
  readonly words: readonly string[];
  /** Names that were looked up and are set; that are not. */
  readonly used: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
};

/** No one nests deeper; without a bound, hostile text would end the stack. */
const MAX_DEPTH = 64;
/** Steps and bytes that one pattern may take: a thousand characters on a value of sixteen thousand. */
const MAX_PATTERN_WORK = 2 ** 24;
/** Characters that a text may grow to: a variable that doubles another grows without end. */
const MAX_TEXT = 2 ** 20;
/** POSIX's parameters of a shell, which a Dockerfile never sets. */
const SPECIAL = "@*#?-$!0";

/** What is wrong with the text; its place is the caller's to say. */
class Problem extends Error {}

/**
 * Takes away quotes and escapes and puts in the values of `$x`, `${x}` and the forms of `${x…}`: `:-` `-` `:+` `+` `:?`
 * `?` `#` `##` `%` `%%` `/` `//`.
 */
export function expand(
  source: string,
  variables: Variables,
  rules: ExpandRules,
): Expansion | { readonly problem: string } {
  return expandWith(undefined, source, variables, rules);
}

/** As `expand`, with the words of the text after its expansion. */
export function expandWords(
  source: string,
  variables: Variables,
  rules: ExpandRules,
): Expansion | { readonly problem: string } {
  return expandWith(new Words(), source, variables, rules);
}

function expandWith(
  words: Words | undefined,
  source: string,
  variables: Variables,
  rules: ExpandRules,
): Expansion | { readonly problem: string } {
  try {
    return new Expander(source, variables, rules).whole(words);
  } catch (error) {
    if (error instanceof Problem) return { problem: error.message };
    throw error;
  }
}

/** Words as they come together. Only a space outside of quotes ends one, and an empty one is none. */
class Words {
  readonly #words: string[] = [];
  #word = "";

  add(text: string): void {
    for (const character of text) {
      if (isSpace(character)) this.#end();
      else this.#word += character;
    }
  }

  addRaw(text: string): void {
    this.#word += text;
  }

  all(): readonly string[] {
    this.#end();
    return this.#words;
  }

  #end(): void {
    if (this.#word !== "") this.#words.push(this.#word);
    this.#word = "";
  }
}

class Expander {
  readonly #characters: readonly string[];
  readonly #variables: Variables;
  readonly #rules: ExpandRules;
  readonly #used = new Set<string>();
  readonly #missing = new Set<string>();
  #at = 0;
  #depth = 0;
  #keepsEscapes: boolean;

  constructor(source: string, variables: Variables, rules: ExpandRules) {
    this.#characters = Array.from(source);
    this.#variables = variables;
    this.#rules = rules;
    this.#keepsEscapes = rules.keepsEscapes === true;
  }

  whole(words: Words | undefined): Expansion {
    const text = this.#until(undefined, words);
    return { text, words: words?.all() ?? [], used: this.#used, missing: this.#missing };
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #next(): string | undefined {
    return this.#characters[this.#at++];
  }

  /** Up to `stop`, which is consumed, or to the end without one. */
  #until(stop: string | undefined, words?: Words): string {
    let text = "";
    const add = (part: string, isRaw: boolean) => {
      text += part;
      if (text.length > MAX_TEXT) throw new Problem(`grows to more than ${MAX_TEXT} characters`);
      if (isRaw) words?.addRaw(part);
      else words?.add(part);
    };
    for (;;) {
      const character = this.#peek();
      if (character === undefined) break;
      if (character === stop) {
        this.#at++;
        return text;
      }
      const hasQuotes = this.#rules.ignoresQuotes !== true;
      if (character === "$") add(this.#dollar(), false);
      else if (character === "<") add(this.#heredocMark(), true);
      else if (hasQuotes && character === "'") add(this.#singleQuoted(), true);
      else if (hasQuotes && character === '"') add(this.#doubleQuoted(), true);
      else {
        this.#at++;
        if (character === this.#rules.escapeMark) {
          if (this.#keepsEscapes) add(character, true);
          add(this.#next() ?? "", true);
        } else add(character, false);
      }
    }
    if (stop !== undefined) throw new Problem(`no ${stop} ends the \${`);
    return text;
  }

  #part(stop: string, keepsEscapes: boolean): string {
    if (++this.#depth > MAX_DEPTH) throw new Problem(`\${ nested deeper than ${MAX_DEPTH}`);
    const before = this.#keepsEscapes;
    this.#keepsEscapes = keepsEscapes;
    const text = this.#until(stop);
    this.#keepsEscapes = before;
    this.#depth--;
    return text;
  }

  #singleQuoted(): string {
    const open = this.#next()!;
    const end = this.#characters.indexOf("'", this.#at);
    if (end === -1) throw new Problem("no ' ends the quoted text");
    const body = this.#characters.slice(this.#at, end).join("");
    this.#at = end + 1;
    return this.#rules.keepsQuotes === true ? open + body + open : body;
  }

  #doubleQuoted(): string {
    const quote = this.#rules.keepsQuotes === true ? '"' : "";
    this.#at++;
    let text = quote;
    for (;;) {
      const character = this.#peek();
      if (character === undefined) throw new Problem('no " ends the quoted text');
      if (character === "$") {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (character === '"') return text + quote;
      if (character !== this.#rules.escapeMark) {
        text += character;
        continue;
      }
      if (this.#keepsEscapes) text += character;
      const next = this.#peek();
      // At the end it is dropped; before anything without a meaning here it stays.
      if (next === undefined) continue;
      const isEscape = next === '"' || next === "$" || next === this.#rules.escapeMark;
      text += isEscape ? this.#next()! : character;
    }
  }

  /** `<<` keeps the spaces before its word, so that both are one word. */
  #heredocMark(): string {
    this.#at++;
    if (this.#peek() !== "<") return "<";
    this.#at++;
    let mark = "<<";
    for (let next = this.#peek(); next === " " || next === "\t" || next === "\r"; next = this.#peek()) {
      mark += next;
      this.#at++;
    }
    return mark;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== "{") {
      const name = this.#name();
      if (name === "") return "$";
      return this.#value(name) ?? this.#unset(`$${name}`);
    }
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw new Problem("no } ends the ${");
    if ("{}:".includes(first)) throw new Problem(`bad substitution: \${${first}`);
    return this.#braced(this.#name());
  }

  #braced(name: string): string {
    const mark = this.#next();
    if (mark === "}") return this.#value(name) ?? this.#unset(`\${${name}}`);
    if (mark === "/") return this.#replaced(name);
    const operator = mark === ":" ? this.#next() : mark;
    const sign = `${mark === ":" ? ":" : ""}${operator ?? ""}`;
    if (mark === undefined || operator === undefined) throw new Problem("no } ends the ${");
    const isTrim = operator === "#" || operator === "%";
    if ((isTrim && mark === ":") || (mark !== ":" && !"+-?#%".includes(operator)))
      throw unsupported(name, sign);
    const word = this.#part("}", isTrim);
    if (!"+-?#%".includes(operator)) throw unsupported(name, sign);
    const value = this.#value(name);
    if (value === undefined && this.#rules.keepsUnset === true) return `\${${name}${sign}${word}}`;
    const isThere = value !== undefined && !(mark === ":" && value === "");
    if (operator === "-") return isThere ? value : word;
    if (operator === "+") return isThere ? word : "";
    if (operator === "?") {
      if (isThere) return value;
      const state = value === undefined ? "unset" : "empty";
      throw new Problem(`${name}: ${word === "" ? `is not allowed to be ${state}` : word}`);
    }
    return trimmed(value ?? "", operator, word);
  }

  #replaced(name: string): string {
    const isAll = this.#peek() === "/";
    if (isAll) this.#at++;
    const text = this.#part("/", true);
    const replacement = this.#part("}", true);
    const value = this.#value(name);
    if (value === undefined && this.#rules.keepsUnset === true) return `\${${name}/${text}/${replacement}}`;
    const pattern = checked(parsePattern(text), value ?? "");
    if (replacement.length * ((value ?? "").length + 1) > MAX_TEXT) {
      throw new Problem(`a replacement of ${replacement.length} characters is too long for this value`);
    }
    return (isAll ? replaceAll : replaceFirst)(value ?? "", pattern, replacement);
  }

  /** Letters, digits and `_`; digits alone where it begins with one; or one special parameter. */
  #name(): string {
    const first = this.#peek() ?? "";
    if (/^\p{Nd}$/u.test(first)) return this.#take(/^\p{Nd}$/u);
    if (first !== "" && SPECIAL.includes(first)) return this.#next()!;
    return this.#take(/^[\p{L}\p{Nd}_]$/u);
  }

  #take(wanted: RegExp): string {
    const start = this.#at;
    while (wanted.test(this.#peek() ?? "")) this.#at++;
    return this.#characters.slice(start, this.#at).join("");
  }

  #value(name: string): string | undefined {
    const value = this.#variables.get(name);
    (value === undefined ? this.#missing : this.#used).add(name);
    return value;
  }

  #unset(written: string): string {
    return this.#rules.keepsUnset === true ? written : "";
  }
}

function trimmed(value: string, operator: string, word: string): string {
  const isLongest = word.startsWith(operator);
  const pattern = checked(parsePattern(isLongest ? word.slice(1) : word), value);
  return (operator === "#" ? withoutPrefix : withoutSuffix)(value, pattern, isLongest);
}

function checked(pattern: Pattern | { readonly problem: string }, value: string): Pattern {
  if ("problem" in pattern) throw new Problem(pattern.problem);
  if ((pattern.length + 1) * (value.length + 1) > MAX_PATTERN_WORK) {
    throw new Problem(`a pattern of ${pattern.length} characters is too long for a value of ${value.length}`);
  }
  return pattern;
}

function unsupported(name: string, sign: string): Problem {
  return new Problem(`\${${name}${sign} is no form that is known`);
}
