// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Dockerfiles' variables.
/** Where Cambium differs from BuildKit's frontend on purpose, with the reason of each. */

/**
 * Expressions whose answer differs. With another escape character than the backslash a pattern may end in a lone one:
 * a lone backslash escapes nothing, and `#` refuses it in both; for `%` BuildKit turns the pattern round first, so
 * that the backslash then escapes what stood before it.
 */
export function endsInLoneBackslash(expression: string, escapeMark: string): boolean {
  return escapeMark === "`" && /^\$\{\w+%%?[^}]*[^\\]\\\}/.test(expression);
}

/**
 * Words of a text in which `${x…word…}` follows other text: BuildKit keeps the words of both in one buffer, and what
 * stood before is lost. `EXPOSE ${A:-80}-${B:-90}` is 80-90 here and 90 there.
 */
export const lostWords: readonly string[] = [
  "pre${unset:-x}post",
  "${unset:-a}b${unset:-c}",
  "80${unset:-80}-${NULL:-90}",
];

/** Warnings whose line differs: of an empty line in an instruction BuildKit names the instruction's last line. */
export const otherLine: readonly string[] = ["NoEmptyContinuation"];

/** Files that are refused here alone or there alone, with the reason. Nothing else may differ. */
export const otherVerdict: Readonly<Record<string, string>> = {
  "stage name of a base in upper case":
    "stages have no case, so FROM Base finds the stage base; BuildKit looks for an image, which cannot be in upper case",
};
