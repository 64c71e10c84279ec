import { cleanPath } from "../../graph/paths.ts";
import type { CopySourceOp } from "../../graph/stages.ts";

type GitSource = Extract<CopySourceOp, { readonly kind: "git" }>;
/** `keepsGitFolder` only where the URL says so. */
export type ParsedGit = Omit<GitSource, "kind" | "keepsGitFolder"> & { readonly keepsGitFolder?: boolean };

const SCP = /^([a-zA-Z0-9-_]+)@([a-zA-Z0-9-.]+):(.*?)(?:\?(.*?))?(?:#(.*))?$/;
const FLAGS: readonly string[] = ["submodules", "keep-git-dir", "fetch-by-commit"];

/**
 * A source of ADD that is a git repository: `git://` and `ssh://` URLs, `http(s)://` ones whose path ends in `.git`,
 * and `user@host:path`. What follows `#` is `ref[:folder]`; the query may say the same by name. Undefined for any
 * other source.
 */
export function parseGitSource(text: string): ParsedGit | { readonly problem: string } | undefined {
  const parts = scpParts(text) ?? urlParts(text);
  if (parts === undefined) return undefined;
  return withQuery(parts.url, parts.fragment, parts.query);
}

type Parts = { readonly url: string; readonly fragment: string; readonly query: URLSearchParams };

function scpParts(text: string): Parts | undefined {
  const match = text.includes("://") ? null : SCP.exec(text);
  if (match === null) return undefined;
  const [, user, host, path, query, fragment] = match;
  return {
    url: `${user}@${host}:${path}`,
    fragment: fragment ?? "",
    query: new URLSearchParams(query ?? ""),
  };
}

function urlParts(text: string): Parts | undefined {
  const match = /^(https?|ssh|git):\/\/([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(text);
  const [, scheme = "", rest = "", query = "", fragment = ""] = match ?? [];
  if (match === null) return undefined;
  if (/^http/i.test(scheme) && !rest.slice(rest.indexOf("/")).endsWith(".git")) return undefined;
  const decoded = decode(fragment);
  if (decoded === undefined) return undefined;
  return { url: `${scheme.toLowerCase()}://${rest}`, fragment: decoded, query: new URLSearchParams(query) };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

type Fields = {
  ref?: string;
  subdirectory?: string;
  checksum?: string;
  keepsGitFolder?: boolean;
  skipsSubmodules: boolean;
  fetchesByCommit: boolean;
};

function withQuery(
  url: string,
  fragment: string,
  query: URLSearchParams,
): ParsedGit | { readonly problem: string } {
  const colon = fragment.indexOf(":");
  const ref = colon === -1 ? fragment : fragment.slice(0, colon);
  const folder = colon === -1 ? "" : cleanPath(`/${fragment.slice(colon + 1)}`).slice(1);
  const fields: Fields = {
    ...(ref !== "" && { ref }),
    ...(folder !== "" && { subdirectory: folder }),
    skipsSubmodules: false,
    fetchesByCommit: false,
  };
  // Tags and branches are compared with what all others say, so they come last.
  const names = [...new Set(query.keys())].sort((a, b) => Number(isRefName(a)) - Number(isRefName(b)));
  for (const name of names) {
    const problem = setField(fields, name, query.getAll(name));
    if (problem !== undefined) return { problem: `${problem} in ${JSON.stringify(url)}` };
  }
  if (query.has("tag") && query.has("branch"))
    return { problem: `a tag and a branch in ${JSON.stringify(url)}` };
  return { url, ...fields };
}

function isRefName(name: string): boolean {
  return name === "tag" || name === "branch";
}

/** Gives what is wrong with the field. */
function setField(fields: Fields, name: string, values: readonly string[]): string | undefined {
  const [value = ""] = values;
  if (values.length > 1) return `${name} stands twice`;
  if (FLAGS.includes(name)) {
    const isOn = value === "" ? true : booleanOf(value);
    if (isOn === undefined) return `${name} is neither true nor false`;
    if (name === "submodules") fields.skipsSubmodules = !isOn;
    else if (name === "keep-git-dir") fields.keepsGitFolder = isOn;
    else fields.fetchesByCommit = isOn;
    return undefined;
  }
  if (value === "") return `${name} has no value`;
  if (name === "ref") return setOnce(fields, "ref", value);
  if (name === "tag") return setOnce(fields, "ref", prefixed("refs/tags/", value));
  if (name === "branch") return setOnce(fields, "ref", prefixed("refs/heads/", value));
  if (name === "subdir") return setOnce(fields, "subdirectory", value);
  if (name === "checksum" || name === "commit") {
    fields.checksum = value;
    return undefined;
  }
  if (name === "mtime")
    return value === "checkout" || value === "commit" ? undefined : `unknown mtime ${value}`;
  return `unknown ${JSON.stringify(name)}`;
}

function setOnce(fields: Fields, name: "ref" | "subdirectory", value: string): string | undefined {
  const before = fields[name];
  if (before !== undefined && before !== value) return `${before} and ${value} contradict`;
  fields[name] = value;
  return undefined;
}

function prefixed(prefix: string, value: string): string {
  return value.startsWith(prefix) ? value : prefix + value;
}

function booleanOf(value: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  return /^(?:0|f|F|FALSE|false|False)$/.test(value) ? false : undefined;
}
