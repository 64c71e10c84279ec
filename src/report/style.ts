/** How text is marked. Meaning never hangs on it: without colour the words say the same. */
export type Style = {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
};

const asIs = (text: string): string => text;

export const noStyle: Style = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs, cyan: asIs };

/** ECMA-48 §8.3.117 (SGR). Each mark ends with its own reset, so that marks may stand inside one another. */
export const ansiStyle: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  cyan: sgr(36, 39),
};

/** no-color.org: set and not empty switches colour off, whatever the terminal can do. */
export function styleFor(
  env: Readonly<Record<string, string | undefined>>,
  stream: { readonly isTTY?: boolean },
): Style {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return noStyle;
  if (env.TERM === "dumb") return noStyle;
  return stream.isTTY === true ? ansiStyle : noStyle;
}

function sgr(open: number, close: number): (text: string) => string {
  return (text) => `\u001b[${open}m${text}\u001b[${close}m`;
}
