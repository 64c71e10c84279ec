/**
 * JSON with sorted keys and no space (RFC 8785), so that equal documents have equal bytes and digests.
 * Takes plain data only; `undefined` members are left out, as JSON.stringify does.
 * @throws TypeError for what JSON cannot hold (NaN, infinity, functions, bigint).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`not a JSON number: ${value}`);
    // RFC 8785 §3.2.2.3 prescribes ECMAScript's own number formatting.
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value === "object") {
    const members: string[] = [];
    // RFC 8785 §3.2.3: order by UTF-16 code units, which is what the default sort does.
    for (const key of Object.keys(value).sort()) {
      const member = (value as Record<string, unknown>)[key];
      if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
    }
    return `{${members.join(",")}}`;
  }
  throw new TypeError(`not JSON data: ${typeof value}`);
}
