/**
 * Patterns of `${x#…}` and its kin: `*` any text, `?` any character, a backslash takes the meaning from these and
 * from itself. Neither crosses a line break, as in BuildKit, which makes regular expressions of them. Here they are
 * matched by trying, with failures remembered: at most pattern × text steps, whatever is written.
 */
type Part =
  | { readonly kind: "star" }
  | { readonly kind: "any" }
  | { readonly kind: "one"; readonly character: string };

export type Pattern = readonly Part[];

/** A pattern, or what is wrong with it. */
export function parsePattern(text: string): Pattern | { readonly problem: string } {
  const characters = Array.from(text);
  const parts: Part[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") parts.push({ kind: "star" });
    else if (character === "?") parts.push({ kind: "any" });
    else if (character !== "\\") parts.push({ kind: "one", character });
    else {
      const next = characters[++at];
      // What ends a part of ${x/…/…} is escaped for that alone, and may be a wildcard's neighbour.
      if (next === undefined || !"*?\\}/".includes(next)) {
        return { problem: `invalid escape \\${next ?? ""} in the pattern ${JSON.stringify(text)}` };
      }
      parts.push({ kind: "one", character: next });
    }
  }
  return parts;
}

/** `value` without what the pattern matches at its beginning, the longest or the shortest such. */
export function withoutPrefix(value: string, pattern: Pattern, isLongest: boolean): string {
  const characters = Array.from(value);
  const end = matcher(pattern, characters, isLongest)(0);
  return end === undefined ? value : characters.slice(end).join("");
}

/** The same from the end: both turned round. */
export function withoutSuffix(value: string, pattern: Pattern, isLongest: boolean): string {
  const reversed = Array.from(value).reverse();
  const end = matcher([...pattern].reverse(), reversed, isLongest)(0);
  return end === undefined ? value : reversed.slice(end).reverse().join("");
}

/** `value` with its first match replaced; wildcards take as much as they can. */
export function replaceFirst(value: string, pattern: Pattern, replacement: string): string {
  const characters = Array.from(value);
  const match = matcher(pattern, characters, true);
  for (let start = 0; start <= characters.length; start++) {
    const end = match(start);
    if (end !== undefined) {
      return characters.slice(0, start).join("") + replacement + characters.slice(end).join("");
    }
  }
  return value;
}

/** `value` with all matches replaced; in the replacement `$0` and `${0}` are the match, `$$` a dollar, other `$names` empty. */
export function replaceAll(value: string, pattern: Pattern, replacement: string): string {
  const characters = Array.from(value);
  const match = matcher(pattern, characters, true);
  let replaced = "";
  let done = 0;
  for (let start = 0; start <= characters.length; ) {
    const end = match(start);
    if (end === undefined) {
      start++;
      continue;
    }
    replaced += characters.slice(done, start).join("");
    // An empty match that touches the one before is none.
    if (end > done || start === 0) replaced += fillIn(replacement, characters.slice(start, end).join(""));
    done = end;
    start = Math.max(end, start + 1);
  }
  return replaced + characters.slice(done).join("");
}

function fillIn(template: string, match: string): string {
  return template.replace(/\$(?:\$|\{(\w+)\}|(\w+))/gu, (whole, braced?: string, bare?: string) => {
    if (whole === "$$") return "$";
    return (braced ?? bare) === "0" ? match : "";
  });
}

/** Tells where the match that begins at `start` ends. */
function matcher(
  pattern: Pattern,
  characters: readonly string[],
  isLongest: boolean,
): (start: number) => number | undefined {
  const width = characters.length + 1;
  const failed = new Uint8Array((pattern.length + 1) * width);
  return (start) => {
    // What is still to be tried, last first.
    const open: number[] = [start];
    while (open.length > 0) {
      const state = open.pop()!;
      const part = Math.floor(state / width);
      const at = state % width;
      if (part === pattern.length) return at;
      if (failed[state] === 1) continue;
      // A state that comes again has led to nothing: the first success ends the search.
      failed[state] = 1;
      const wanted = pattern[part]!;
      const character = characters[at];
      const isAny = character !== undefined && character !== "\n";
      const onward = (part + 1) * width;
      if (wanted.kind === "star") {
        const more = isAny ? [state + 1] : [];
        open.push(...(isLongest ? [onward + at, ...more] : [...more, onward + at]));
      } else if (wanted.kind === "any" ? isAny : character === wanted.character) {
        open.push(onward + at + 1);
      }
    }
    return undefined;
  };
}
