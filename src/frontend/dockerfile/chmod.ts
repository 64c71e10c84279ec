/** A mode of chmod(1): octal up to 7777, or symbolic such as `u+x,go=r`. */
export function isMode(text: string): boolean {
  if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8) <= 0o7777;
  return text.split(",").every((clause) => /^[augo]*(?:[+\-=][rwxXstugo]*)+$/.test(clause));
}
