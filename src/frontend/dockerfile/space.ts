/** White space as Dockerfiles have it: Unicode's, without the byte order mark that JavaScript counts in. */
const SPACE = "[\\t\\n\\v\\f\\r \\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000]";
const ONE = new RegExp(`^${SPACE}$`);
const LEADING = new RegExp(`^${SPACE}+`);

export function isSpace(character: string): boolean {
  return ONE.test(character);
}

/** How many characters of space `text` begins with. */
export function leadingSpace(text: string): number {
  return LEADING.exec(text)?.[0].length ?? 0;
}

export function trimStart(text: string): string {
  return text.slice(leadingSpace(text));
}

export function trim(text: string): string {
  let end = text.length;
  const start = leadingSpace(text);
  while (end > start && isSpace(text[end - 1]!)) end--;
  return text.slice(start, end);
}
