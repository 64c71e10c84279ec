/** One way to log in that a server offers. (RFC 9110 §11.6.1) */
export type Challenge = {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
};

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`, "y");
const SCHEME = new RegExp(`(${TOKEN})(?=\\s|,|$)`, "y");
const SEPARATOR = /[\s,]*/y;

/** Every challenge of a `WWW-Authenticate` header, which may join several. What cannot be read is passed over. */
export function parseChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  let at = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (next(SEPARATOR); at < header.length; next(SEPARATOR)) {
    const parameter = next(PARAMETER);
    if (parameter !== null) {
      const [, name = "", quoted, plain] = parameter;
      const challenge = found.at(-1);
      if (challenge !== undefined)
        challenge.parameters[name.toLowerCase()] = plain ?? quoted!.replace(/\\(.)/g, "$1");
      continue;
    }
    const scheme = next(SCHEME);
    if (scheme === null) at++;
    else found.push({ scheme: scheme[1]!.toLowerCase(), parameters: {} });
  }
  return found;
}
