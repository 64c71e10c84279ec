/**
 * The arguments of a call in TypeScript source, as source texts; `open` is where its parenthesis stands. Knows
 * strings, templates, comments and brackets, which is all that separates a comma from another.
 */
export function callArguments(source: string, open: number): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < source.length; at++) {
    const character = source[at]!;
    if (character === '"' || character === "'" || character === "`") at = endOfText(source, at);
    else if (character === "/" && source[at + 1] === "/") at = source.indexOf("\n", at);
    else if (character === "/" && source[at + 1] === "*") at = source.indexOf("*/", at) + 1;
    else if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) {
      depth--;
      if (depth === 0)
        return [...found, source.slice(from, at)].map((text) => text.trim()).filter((text) => text !== "");
    } else if (character === "," && depth === 1) {
      found.push(source.slice(from, at));
      from = at + 1;
    }
  }
  return found;
}

/** The texts that an expression is made of, joined, each inserted value as an ellipsis; undefined without any text. */
export function textOf(expression: string): string | undefined {
  let text: string | undefined;
  for (let at = 0; at < expression.length; at++) {
    const quote = expression[at]!;
    if (quote !== '"' && quote !== "'" && quote !== "`") continue;
    const end = endOfText(expression, at);
    const body = expression.slice(at + 1, end);
    text = (text ?? "") + unescaped(quote === "`" ? withoutInsertions(body) : body);
    at = end;
  }
  return text;
}

/** Where the text that opens at `start` ends: the index of its closing quote. */
function endOfText(source: string, start: number): number {
  const quote = source[start]!;
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === quote) return at;
    else if (quote === "`" && source.startsWith("${", at)) at = endOfInsertion(source, at + 1);
  }
  return source.length;
}

function endOfInsertion(source: string, open: number): number {
  let depth = 0;
  for (let at = open; at < source.length; at++) {
    const character = source[at]!;
    if (character === '"' || character === "'" || character === "`") at = endOfText(source, at);
    else if (character === "{") depth++;
    else if (character === "}") {
      depth--;
      if (depth === 0) return at;
    }
  }
  return source.length;
}

function withoutInsertions(template: string): string {
  let text = "";
  for (let at = 0; at < template.length; at++) {
    if (template.startsWith("${", at)) {
      at = endOfInsertion(template, at + 1);
      text += "…";
    } else text += template[at];
  }
  return text;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === "n" ? " " : character));
}
