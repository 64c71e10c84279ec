import fc from "fast-check";
import { expect, test } from "vitest";
import type { BuildEvent } from "../events.ts";
import { cellsOf } from "./printable.ts";
import { type BuildState, initialState, nextState } from "./state.ts";
import { ansiStyle, noStyle } from "./style.ts";
import { terminalLines } from "./terminal.ts";

const MB = 1_000_000;

function stateOf(...events: BuildEvent[]): BuildState {
  return events.reduce((state, event) => nextState(state, event, 1000), initialState(0));
}

const underWay = stateOf(
  { type: "step-started", id: "lock", name: "read uv.lock" },
  { type: "step-done", id: "lock", outcome: "done", detail: "12 packages" },
  { type: "step-started", id: "base", name: "debian bookworm" },
  { type: "step-done", id: "base", outcome: "hit" },
  { type: "step-started", id: "python", name: "python packages" },
  { type: "download-started", id: "a", name: "scipy 1.14.1", sizeBytes: 40 * MB },
  { type: "download-progress", id: "a", receivedBytes: 10 * MB },
  { type: "download-started", id: "b", name: "numpy 2.1.0", sizeBytes: 16 * MB },
  { type: "download-retry", id: "b", name: "numpy 2.1.0", reason: "status 503", waitMs: 500 },
  { type: "transcode-started", id: "c", name: "pandas 2.2.3", sizeBytes: 13 * MB },
  { type: "layer", name: "debian", digest: "sha256:1", sizeBytes: 30 * MB, isReused: true },
);

test("a wide screen shows steps, transfers with bars, and what was reused", () => {
  expect(terminalLines(underWay, { columns: 91, rows: 24, style: noStyle }, 3000)).toEqual([
    "✓ read uv.lock  12 packages                                                         0.00 s",
    "= debian bookworm                                                                    known",
    "⠋ python packages                                                                    2.0 s",
    "  downloading 10.0 MB of 56.0 MB, 5.0 MB/s",
    "    scipy 1.14.1                   ━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌   10.0 MB / 40.0 MB",
    "    numpy 2.1.0  trying again: status 503",
    "  transcoding pandas 2.2.3",
    "  layers: 1 reused, 0 new",
  ]);
});

test("a narrow screen loses bars and times before names", () => {
  expect(terminalLines(underWay, { columns: 24, rows: 24, style: noStyle }, 3000)).toEqual([
    "✓ read uv.lock…  0.00 s",
    "= debian bookwo…  known",
    "⠋ python packag…  2.0 s",
    "  downloading 10.0 MB …",
    "    scipy 1.14.1",
    "    numpy 2.1.0  tryin…",
    "  transcoding pandas 2…",
    "  layers: 1 reused, 0 …",
  ]);
});

test("many ended steps leave room for what runs", () => {
  const events: BuildEvent[] = [];
  for (let at = 0; at < 40; at++) {
    events.push({ type: "step-started", id: `${at}`, name: `step ${at}` });
    if (at < 39) events.push({ type: "step-done", id: `${at}`, outcome: "done" });
  }
  const lines = terminalLines(stateOf(...events), { columns: 40, rows: 8, style: noStyle }, 1000);
  expect(lines[0]).toBe("✓ 35 earlier steps");
  expect(lines.at(-1)).toMatch(/^⠋ step 39 /);
  expect(lines).toHaveLength(6);
});

test("no screen is too small, and no line reaches its right edge", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), (columns, rows) => {
      const lines = terminalLines(underWay, { columns, rows, style: noStyle }, 5000);
      for (const line of lines) expect(cellsOf(line)).toBeLessThan(Math.max(2, columns));
      expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 2));
    }),
  );
});

test("colour adds marks and changes no letter", () => {
  const marks = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
  const screen = { columns: 80, rows: 24 };
  const coloured = terminalLines(underWay, { ...screen, style: ansiStyle }, 3000);
  expect(coloured.join("\n")).toMatch(marks);
  expect(coloured.map((line) => line.replace(marks, ""))).toEqual(
    terminalLines(underWay, { ...screen, style: noStyle }, 3000),
  );
});
