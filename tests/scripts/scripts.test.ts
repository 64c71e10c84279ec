import { expect, test } from "vitest";
import { measure, measurementOf, median } from "../../bench/harness.ts";
import { callArguments, textOf } from "../../scripts/call-arguments.ts";
import { errorReference } from "../../scripts/reference/error-reference.ts";
import { table } from "../../scripts/table.ts";

/** An inserted value as a template has it; written plainly, the linter takes it for a mistake. */
const inserted = (code: string): string => `$\{${code}}`;

test("arguments are split at commas of the call alone", () => {
  const template = `\`x ${inserted('g(1, "}")')}, ${inserted(`\`in ${inserted("y")}\``)}\``;
  const source = `f("A_B", ${template}, { hint: "a, b", list: [1, 2] }, /* no, */ last); more(1, 2)`;
  expect(callArguments(source, 1)).toEqual([
    '"A_B"',
    template,
    '{ hint: "a, b", list: [1, 2] }',
    "/* no, */ last",
  ]);
});

test("a text shows its values as ellipses", () => {
  const template = `\`want ${inserted('a.b("}")')}, got ${inserted("x")}\``;
  expect(textOf(`${template} + " bytes\\n"`)).toBe("want …, got … bytes ");
  expect(textOf("message")).toBeUndefined();
});

test("the reference has codes with their exit code and way out", () => {
  const reference = errorReference();
  expect(reference).toContain(
    "## PUSH_UNTAGGED\n\nExit code 2.\n\n- --push: no --tag says where to\n  *Way out:* Add -t",
  );
  expect(reference).toMatch(/## STORE_UNKNOWN\n\nExit code 3\./);
  expect(reference).not.toMatch(/^## (UV_|HTTP)/m);
});

test("arms take turns, and the first round is not counted", async () => {
  const order: string[] = [];
  const arm = (name: string) => ({ name, run: () => void order.push(name) });
  const [a, b] = await measure([arm("a"), arm("b")], { rounds: 2 });
  expect(order.join("")).toBe("abbaab");
  expect([a?.timesMs.length, b?.timesMs.length]).toEqual([2, 2]);
});

test("median and spread", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(measurementOf("a", [90, 100, 120])).toMatchObject({ medianMs: 100, spread: 0.3 });
});

test("a table reads well as it is", () => {
  expect(table(["step", "time"], [["cold build", "3.1 s"]])).toBe(
    "| step       |  time |\n|------------|------:|\n| cold build | 3.1 s |",
  );
});
