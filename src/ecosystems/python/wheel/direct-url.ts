import type { DirectUrl } from "../lock.ts";

/**
 * `direct_url.json` as pip 26.3 writes it (PEP 610): keys sorted, Python's separators, ASCII only, an archive's first
 * hash once more in the old `hash` form, no credentials.
 */
export function directUrlJson(directUrl: DirectUrl): string {
  const archive = directUrl.archive_info;
  const withHash =
    isObject(archive) && isObject(archive.hashes)
      ? { archive_info: { ...archive, ...legacyHash(archive.hashes) } }
      : {};
  return pythonJson({ ...directUrl, url: withoutCredentials(directUrl.url), ...withHash });
}

/** `git@` stays, since it is part of an address and no secret; so do names of environment variables (PEP 610). */
function withoutCredentials(url: string): string {
  return url.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)([^/?#]*)@/, (whole, scheme: string, user: string) =>
    user === "git" || /^\$\{[A-Za-z0-9_-]+\}(:\$\{[A-Za-z0-9_-]+\})?$/.test(user) ? whole : scheme,
  );
}

function legacyHash(hashes: Record<string, unknown>): { hash?: string } {
  const [first] = Object.entries(hashes);
  return first === undefined ? {} : { hash: `${first[0]}=${String(first[1])}` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What Python's `json.dumps(value, sort_keys=True)` gives for objects, lists, strings, booleans and null. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (isObject(value)) {
    const members = Object.keys(value)
      .sort()
      .filter((key) => value[key] !== undefined)
      .map((key) => `${pythonJson(key)}: ${pythonJson(value[key])}`);
    return `{${members.join(", ")}}`;
  }
  // Python escapes everything beyond ASCII; JSON.stringify leaves DEL as it is, and so does Python.
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
