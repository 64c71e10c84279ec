import type { NormalizedName } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import { type Cursor, failAt, skipBlanks, take } from "./cursor.ts";
import { formatMarker, type Marker, readMarker } from "./marker.ts";
import { formatSpecifier, parseSpecifier, type Specifier } from "./specifier.ts";

/** A dependency specifier of PEP 508. With a `url` there is no version specifier. */
export type Requirement = {
  readonly name: NormalizedName;
  /** Normalised, sorted, each once. */
  readonly extras: readonly NormalizedName[];
  readonly specifier: Specifier;
  /** As written, credentials included: never show or store it. */
  readonly url?: string;
  readonly marker?: Marker;
};

const HINT = "Write name[extra]>=version; marker, or name @ URL ; marker (PEP 508).";
const IDENTIFIER = /[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?/iy;
const CLAUSE = /(?:===|~=|==|!=|<=|>=|<|>)[ \t]*[^\s,;()]+/y;

/**
 * Reads one dependency specifier: no comment, no options. `where` says who wrote it (file and line, field).
 * @throws CambiumError `REQUIREMENT_SYNTAX` with the column, `SPECIFIER_SYNTAX`, `PROJECT_NAME`.
 */
export function parseRequirement(text: string, where: string): Requirement {
  const cursor: Cursor = { text: text.trim(), where, code: "REQUIREMENT_SYNTAX", position: 0 };
  const nameText = take(cursor, IDENTIFIER);
  if (nameText === undefined) failAt(cursor, "a project name", HINT);
  const name = parseProjectName(nameText, where);
  skipBlanks(cursor);
  const extras = readExtras(cursor);
  skipBlanks(cursor);
  const isUrl = take(cursor, /@/y) !== undefined;
  const url = isUrl ? readUrl(cursor) : undefined;
  const specifier = isUrl ? [] : readSpecifier(cursor);
  skipBlanks(cursor);
  const marker = take(cursor, /;/y) === undefined ? undefined : readMarker(cursor);
  if (cursor.position < cursor.text.length) {
    failAt(
      cursor,
      marker === undefined ? "a version specifier, ';' or the end" : "'and', 'or' or the end",
      HINT,
    );
  }
  return {
    name,
    extras,
    specifier,
    ...(url === undefined ? {} : { url }),
    ...(marker === undefined ? {} : { marker }),
  };
}

function readExtras(cursor: Cursor): NormalizedName[] {
  if (take(cursor, /\[/y) === undefined) return [];
  const names = new Set<NormalizedName>();
  skipBlanks(cursor);
  while (take(cursor, /\]/y) === undefined) {
    if (names.size > 0) {
      if (take(cursor, /,/y) === undefined) failAt(cursor, "',' or ']' after an extra", HINT);
      skipBlanks(cursor);
    }
    const extra = take(cursor, IDENTIFIER);
    if (extra === undefined) failAt(cursor, "the name of an extra", HINT);
    names.add(parseProjectName(extra, cursor.where));
    skipBlanks(cursor);
  }
  return [...names].sort();
}

function readUrl(cursor: Cursor): string {
  skipBlanks(cursor);
  const url = take(cursor, /[^ \t]+/y);
  if (url === undefined) failAt(cursor, "a URL after '@'", HINT);
  return url;
}

function readSpecifier(cursor: Cursor): Specifier {
  const isParenthesised = take(cursor, /\(/y) !== undefined;
  const clauses: string[] = [];
  skipBlanks(cursor);
  for (let clause = take(cursor, CLAUSE); clause !== undefined; clause = take(cursor, CLAUSE)) {
    clauses.push(clause);
    skipBlanks(cursor);
    if (take(cursor, /,/y) === undefined) break;
    skipBlanks(cursor);
  }
  if (isParenthesised && take(cursor, /\)/y) === undefined)
    failAt(cursor, "')' after the version specifier", HINT);
  return parseSpecifier(clauses.join(","), cursor.where);
}

/** One text per meaning, so that two files' demands can be compared. A URL stands as written. */
export function formatRequirement(requirement: Requirement): string {
  const extras = requirement.extras.length === 0 ? "" : `[${requirement.extras.join(",")}]`;
  const url = requirement.url === undefined ? "" : ` @ ${requirement.url}`;
  const marker = requirement.marker === undefined ? "" : ` ; ${formatMarker(requirement.marker)}`;
  return `${requirement.name}${extras}${formatSpecifier(requirement.specifier)}${url}${marker}`;
}
