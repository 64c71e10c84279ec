import { expect, test } from "vitest";
import { digestOf } from "../layer/digest.ts";
import { dayOf, keptImages, type RemoteRow, remoteRow, removableRows, usedTag } from "./remote-choice.ts";

const hex = (name: string) => digestOf(name).slice(7);
const byKey = (name: string) => `cambium-image-${hex(name)}`;
const rows: RemoteRow[] = [
  remoteRow("main", digestOf("new")),
  ...["old", "older", "new"].map((name) => remoteRow(byKey(name), digestOf(name))),
  remoteRow(usedTag("20260101", byKey("older")), digestOf("older")),
  remoteRow(usedTag("20260301", byKey("older")), digestOf("older")),
  remoteRow(usedTag("20260401", byKey("old")), digestOf("old")),
  ...["old", "older", "new"].map((name) => remoteRow(`sha256-${hex(name)}`, digestOf(`record of ${name}`))),
  ...["old", "older", "both"].map((name) => remoteRow(`cambium-step-${hex(name)}`, digestOf(`step ${name}`))),
  remoteRow(`cambium-mount-${hex("mount")}`, digestOf("mount")),
];
const facts = {
  recorded: new Map(
    ["old", "older", "new"].map((name) => [
      digestOf(name),
      new Set([digestOf(`layer ${name}`), digestOf("layer both")]),
    ]),
  ),
  entries: new Map(
    ["old", "older", "both"].map((name) => [digestOf(`step ${name}`), new Set([digestOf(`layer ${name}`)])]),
  ),
};
const gone = (choice: Parameters<typeof keptImages>[1]) =>
  removableRows(rows, keptImages(rows, choice), facts).map(({ kind, tag }) => `${kind} ${tag.slice(-64)}`);
const of = (name: string, ...kinds: string[]) => kinds.map((kind) => `${kind} ${hex(name)}`);

test("what is named stays, and what its record speaks of", () => {
  const left = gone({ keepLast: 0 });
  for (const name of ["old", "older"]) {
    expect(left).toEqual(expect.arrayContaining(of(name, "found-by-key", "step")));
    expect(left.some((row) => row === `record sha256-${hex(name)}`.slice(0, 7) + hex(name))).toBe(true);
  }
  expect(left.join()).not.toContain(hex("both"));
  expect(left.join()).not.toContain(hex("new"));
  expect(left.join()).not.toContain(hex("mount"));
});

test("so do the last ones that were used, and those of a time", () => {
  expect(gone({ keepLast: 1 }).join()).not.toContain(hex("old"));
  expect(gone({ keepLast: 1 })).toEqual(expect.arrayContaining(of("older", "found-by-key", "step")));
  expect(gone({ sinceDay: "20260301" })).toEqual([]);
  expect(gone({ sinceDay: "20260302" }).join()).not.toContain(hex("old"));
});

test("a day is that of UTC", () => {
  expect(dayOf(Date.UTC(2026, 11, 31, 23, 59))).toBe("20261231");
});
