import { usageError } from "../errors.ts";

/** What a `--chmod` makes of a path's mode (both 0o7777). */
export type Chmod = {
  apply(mode: number, isDirectory: boolean): number;
  /** Of directories that are made on the way to a destination: 0755 unless the mode is a number. */
  readonly parentMode: number;
};

type Bits = "u" | "g" | "o";
type Action = (mode: number, before: number, isDirectory: boolean) => number;

const SET_ID = 0o6000;
const STICKY = 0o1000;
const OTHERS = 0o007;
const EXECUTE = 0o111;
const ALL = 0o6777;
const CLASSES: Readonly<Record<string, number>> = { a: ALL, u: 0o4700, g: 0o2070, o: OTHERS };
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: EXECUTE };
const SHIFTS: Readonly<Record<Bits, number>> = { u: 6, g: 3, o: 0 };

/**
 * Octal up to 7777, or symbolic as chmod(1) with an umask of 0, by the rules of BSD's setmode(3), which are BuildKit's:
 * `X` asks whether the path was executable before any change, a copy of `u`, `g` or `o` comes in the order written.
 * @throws CambiumError `CHMOD_SYNTAX`; `where` says who wrote it.
 */
export function parseChmod(text: string, where: string): Chmod {
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode > 0o7777) throw syntaxError(text, where);
    return { apply: () => mode, parentMode: mode & 0o777 };
  }
  const actions = text.split(",").flatMap((clause) => parseClause(clause, text, where));
  return {
    apply: (before, isDirectory) => actions.reduce((mode, act) => act(mode, before, isDirectory), before),
    parentMode: 0o755,
  };
}

/** `[ugoa]*([+-=][rwxXstugo]*)+` */
function parseClause(clause: string, text: string, where: string): Action[] {
  const match = /^([ugoa]*)((?:[+=-][rwxXstugo]*)+)$/.exec(clause);
  if (match === null) throw syntaxError(text, where);
  const who = [...match[1]!].reduce((bits, letter) => bits | CLASSES[letter]!, 0);
  return [...match[2]!.matchAll(/([+=-])([rwxXstugo]*)/g)].flatMap(([, op, letters]) =>
    parseOperation(op!, letters!, who),
  );
}

function parseOperation(op: string, letters: string, stated: number): Action[] {
  const actions: Action[] = [];
  let who = stated;
  let bits = 0;
  let executeIf = 0;
  let isCleared = op !== "=";
  const flush = () => {
    if (bits !== 0 || !isCleared) actions.push(change(op, who, bits));
    if (executeIf !== 0) actions.push(executeWhere(who, executeIf));
    bits = 0;
    executeIf = 0;
  };
  for (const letter of letters) {
    const concernsOwner = who === 0 || (who & ~OTHERS) !== 0;
    if (letter === "s") {
      if (concernsOwner) bits |= SET_ID;
    } else if (letter === "t") {
      // From here on the operation speaks of the sticky bit too, and without a class of it alone.
      if (concernsOwner) {
        who |= STICKY;
        bits |= STICKY;
      }
    } else if (letter === "X" && op !== "-") {
      executeIf = EXECUTE;
    } else if (letter === "u" || letter === "g" || letter === "o") {
      if (bits !== 0) actions.push(change(op, who, bits));
      if (executeIf !== 0) actions.push(executeWhere(who, executeIf));
      bits = 0;
      executeIf = 0;
      isCleared = true;
      actions.push(copyClass(op, who, letter));
    } else {
      bits |= PERMISSIONS[letter.toLowerCase()]!;
    }
  }
  flush();
  return actions;
}

function change(op: string, who: number, bits: number): Action {
  const changed = who === 0 ? bits : bits & who;
  if (op === "+") return (mode) => mode | changed;
  if (op === "-") return (mode) => mode & ~changed;
  return (mode) => (mode & ~(who === 0 ? ALL : who)) | changed;
}

function executeWhere(who: number, bits: number): Action {
  const added = who === 0 ? bits : bits & who;
  return (mode, before, isDirectory) => (isDirectory || (before & EXECUTE) !== 0 ? mode | added : mode);
}

/** `g=u`: what one class may now, for others. */
function copyClass(op: string, who: number, from: Bits): Action {
  const targets = (["u", "g", "o"] as const).filter((one) => who === 0 || (who & (0o4 << SHIFTS[one])) !== 0);
  return (mode) => {
    const value = (mode >> SHIFTS[from]) & 7;
    return targets.reduce((result, one) => {
      const shift = SHIFTS[one];
      if (op === "+") return result | (value << shift);
      if (op === "-") return result & ~(value << shift);
      return (result & ~(7 << shift)) | (value << shift);
    }, mode);
  };
}

function syntaxError(text: string, where: string): Error {
  return usageError(
    "CHMOD_SYNTAX",
    `${where}: not a mode: ${JSON.stringify(text)}`,
    "Write an octal number up to 7777, or changes such as u+x,go-w.",
  );
}
