type Path = readonly PropertyKey[];

/** A place where a name, a value or the end of one begins. */
const BLANK = /[ \t]*/y;
const GAP = /(?:[ \t\r\n]|#[^\n]*)*/y;
const BARE_KEY = /[A-Za-z0-9_-]+/y;
const MULTILINE = /"""(?:\\[\s\S]|(?!""")[^\\])*"{3,5}|'''(?:(?!''')[\s\S])*'{3,5}/y;
const QUOTED = /"(?:\\.|[^"\\\n])*"|'[^'\n]*'/y;
/** A number, a date, true or false. */
const PLAIN = /[^,\]}\n#]+/y;

/**
 * Where things stand in a TOML text that was parsed already: the parser keeps no positions.
 * @returns the line, from 1, of what stands at a path, or of the deepest part of it that is there
 */
export function tomlLines(text: string): (path: Path) => number {
  const offsets = new Scanner(text).offsets();
  return (path) => {
    for (let depth = path.length; depth > 0; depth--) {
      const offset = offsets.get(nameOf(path.slice(0, depth)));
      if (offset !== undefined) return text.slice(0, offset).split("\n").length;
    }
    return 1;
  };
}

class Scanner {
  readonly #text: string;
  readonly #offsets = new Map<string, number>();
  /** Arrays of tables, with how many there are so far. */
  readonly #tables = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  offsets(): ReadonlyMap<string, number> {
    let table: Path = [];
    for (this.#take(GAP); this.#at < this.#text.length; this.#take(GAP)) {
      const before = this.#at;
      if (this.#text[this.#at] === "[") table = this.#header();
      else this.#pair(table);
      // Nothing that a parser lets through; and nothing may go round here for ever.
      if (this.#at === before) break;
    }
    return this.#offsets;
  }

  /** `[a.b]`, `[[a.b]]`. */
  #header(): Path {
    const start = this.#at;
    const isArray = this.#text.startsWith("[[", start);
    this.#at += isArray ? 2 : 1;
    const keys = this.#key();
    this.#at += isArray ? 2 : 1;
    let path: Path = [];
    for (const [i, key] of keys.entries()) {
      path = [...path, key];
      this.#note(path, start);
      const name = nameOf(path);
      if (isArray && i === keys.length - 1) this.#tables.set(name, (this.#tables.get(name) ?? 0) + 1);
      const count = this.#tables.get(name);
      if (count !== undefined) path = [...path, count - 1];
    }
    this.#note(path, start);
    return path;
  }

  /** `a.b = value`. */
  #pair(table: Path): void {
    const start = this.#at;
    let path = table;
    for (const key of this.#key()) {
      path = [...path, key];
      this.#note(path, start);
    }
    if (this.#text[this.#at] !== "=") return;
    this.#at += 1;
    this.#take(BLANK);
    this.#value(path);
  }

  #key(): string[] {
    const keys: string[] = [];
    do {
      if (keys.length > 0) this.#at += 1;
      this.#take(BLANK);
      const quoted = this.#take(QUOTED);
      keys.push(quoted === "" ? this.#take(BARE_KEY) : unquoted(quoted));
      this.#take(BLANK);
    } while (this.#text[this.#at] === ".");
    return keys;
  }

  #value(path: Path): void {
    const opening = this.#text[this.#at];
    if (opening === "[") this.#items("]", (index) => this.#item([...path, index]));
    else if (opening === "{") this.#items("}", () => this.#pair(path));
    else if (this.#take(MULTILINE) === "" && this.#take(QUOTED) === "") this.#take(PLAIN);
  }

  #item(path: Path): void {
    this.#note(path, this.#at);
    this.#value(path);
  }

  #items(closing: string, item: (index: number) => void): void {
    this.#at += 1;
    for (let index = 0; this.#at < this.#text.length; index++) {
      this.#take(GAP);
      if (this.#text[this.#at] === closing) break;
      const before = this.#at;
      item(index);
      this.#take(GAP);
      if (this.#text[this.#at] === ",") this.#at += 1;
      if (this.#at === before) break;
    }
    this.#at += 1;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const taken = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += taken.length;
    return taken;
  }

  /** The first place counts: later headers of the same table stand for their own keys. */
  #note(path: Path, offset: number): void {
    const name = nameOf(path);
    if (!this.#offsets.has(name)) this.#offsets.set(name, offset);
  }
}

function nameOf(path: Path): string {
  return JSON.stringify(path);
}

/** Names with escapes are rare; those that JSON has too are read. */
function unquoted(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
