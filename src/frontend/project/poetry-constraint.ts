/**
 * Poetry's version constraints as PEP 440 specifiers, any of which may hold: `^3.10` is `>=3.10,<4`, `~3.10` is
 * `>=3.10,<3.11`, `3.11.*` is `==3.11.*`, `*` is anything, `||` is or. What is PEP 440 already stays.
 */
export function pythonConstraint(text: string): string[] {
  return text.split(/\|\|?/).map((alternative) =>
    alternative
      .split(/\s*,\s*|(?<=[\d*])\s+(?=[<>=!~^])/)
      .map((clause) => pep440Clause(clause.trim()))
      .filter((clause) => clause !== "")
      .join(","),
  );
}

function pep440Clause(clause: string): string {
  if (clause === "*" || clause === "") return "";
  const caret = /^\^\s*(\d+(?:\.\d+)*)$/.exec(clause)?.[1];
  if (caret !== undefined) {
    const numbers = caret.split(".").map(Number);
    // The leftmost number that is not zero may not change.
    const at = Math.max(
      0,
      numbers.findIndex((number) => number !== 0),
    );
    return `>=${caret},<${[...numbers.slice(0, at), numbers[at]! + 1].join(".")}`;
  }
  const tilde = /^~\s*(\d+(?:\.\d+)*)$/.exec(clause)?.[1];
  if (tilde !== undefined) {
    const numbers = tilde.split(".").map(Number);
    const at = Math.min(1, numbers.length - 1);
    return `>=${tilde},<${[...numbers.slice(0, at), numbers[at]! + 1].join(".")}`;
  }
  return /^\d/.test(clause) ? `==${clause}` : clause;
}
