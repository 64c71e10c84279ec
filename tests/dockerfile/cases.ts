import { readFileSync } from "node:fs";

export type Case = {
  readonly name: string;
  readonly text: string;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly target?: string;
};

/**
 * The corpus of `cases.txt`: each case begins with `======== name`, after which `arg:NAME=VALUE` and `target=NAME` are
 * what the command line says; `crlf` and `bom` change the text's line ends and its beginning.
 */
export function readCases(): readonly Case[] {
  const text = readFileSync(new URL("cases.txt", import.meta.url), "utf8");
  return text
    .split(/^======== /m)
    .slice(1)
    .map(readCase);
}

function readCase(section: string): Case {
  const end = section.indexOf("\n");
  const words = section.slice(0, end).split(" ");
  const body = section.slice(end + 1);
  const isOption = (word: string) => /^(?:arg:|target=|crlf$|bom$)/.test(word);
  const target = words.find((word) => word.startsWith("target="))?.slice("target=".length);
  const args = words.filter((word) => word.startsWith("arg:")).map((word) => word.slice("arg:".length));
  const withEnds = words.includes("crlf") ? body.replaceAll("\n", "\r\n") : body;
  return {
    name: words.filter((word) => !isOption(word)).join(" "),
    text: words.includes("bom") ? `\uFEFF${withEnds}` : withEnds,
    buildArgs: new Map(args.map((arg) => [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)])),
    ...(target !== undefined && { target }),
  };
}
