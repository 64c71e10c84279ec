import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CambiumError, environmentError } from "../errors.ts";
import type { BuildEvent } from "../events.ts";
import { createReporter, type LiveRegion, resolveProgressMode } from "./reporter.ts";
import { noStyle, styleFor } from "./style.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

const build: readonly BuildEvent[] = [
  { type: "step-started", id: "lock", name: "resolve" },
  { type: "step-done", id: "lock", outcome: "done", detail: "2 packages" },
  { type: "download-started", id: "d", name: "six 1.17.0", sizeBytes: 11_050 },
  { type: "download-progress", id: "d", receivedBytes: 5000 },
  { type: "download-done", id: "d", receivedBytes: 11_050 },
  { type: "transcode-started", id: "t", name: "six 1.17.0", sizeBytes: 11_050 },
  { type: "transcode-done", id: "t" },
  { type: "layer", name: "debian", digest: digest("a"), sizeBytes: 30_000_000, isReused: true },
  { type: "layer", name: "python packages 3", digest: digest("b"), sizeBytes: 12_000, isReused: false },
  { type: "warning", code: "RECORDS_CORRUPT", message: "index.db: set aside", hint: "Nothing to do." },
  { type: "notice", message: "numpy 2.1.0 taken: 2.2.0 has no wheel" },
  { type: "miss", stage: "image", text: "RUN make", elapsedMs: 41_000, cause: "src/main.c changed" },
  { type: "image", digest: digest("c"), platform: "linux/amd64", sizeBytes: 30_012_000 },
  { type: "output", kind: "oci", where: "out", digest: digest("c") },
];

function open(mode: "plain" | "json" | "tty") {
  const written: string[] = [];
  const drawn: string[][] = [];
  const region: LiveRegion = {
    draw: (lines) => drawn.push([...lines]),
    clear: () => drawn.push([]),
  };
  const reporter = createReporter({
    mode,
    stream: { write: (text) => written.push(text), columns: 60, rows: 20 },
    style: noStyle,
    version: "1.2.3",
    now: Date.now,
    openLiveRegion: async () => region,
  });
  return { reporter, drawn, text: () => written.join("") };
}

test("plain: what ended and took time or bytes, then the summary", () => {
  const { reporter, text } = open("plain");
  for (const event of build) {
    reporter.emit(event);
    vi.advanceTimersByTime(100);
  }
  reporter.emit({ type: "download-started", id: "n", name: "numpy 2.1.0", sizeBytes: 16_000_000 });
  reporter.emit({ type: "download-done", id: "n", receivedBytes: 16_000_000 });
  reporter.emit({ type: "download-started", id: "s", name: "slow 1.0" });
  vi.advanceTimersByTime(2500);
  reporter.emit({ type: "download-done", id: "s", receivedBytes: 10 });
  reporter.succeed();
  expect(text()).toMatchInlineSnapshot(`
    "done       resolve: 2 packages (0.10 s)
    reused     debian aaaaaaaaaaaa 30.0 MB
    layer      python packages 3 bbbbbbbbbbbb 12.0 kB
    warning[RECORDS_CORRUPT]: index.db: set aside
    hint: Nothing to do.
    note: numpy 2.1.0 taken: 2.2.0 has no wheel
    downloaded numpy 2.1.0 16.0 MB (0.00 s)
    downloaded slow 1.0 10 B (2.5 s)

    built linux/amd64 sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc 30.0 MB
      layers      1 reused (30.0 MB), 1 new (12.0 kB)
                  + python packages 3 12.0 kB
      packages    1 transcoded (11.1 kB)
      downloaded  16.0 MB in 3 files
      written to  out (oci)
      most expensive miss: RUN make (41.0 s): src/main.c changed (cambium explain)
      note        numpy 2.1.0 taken: 2.2.0 has no wheel
      warnings    1, above
      time        3.9 s
    "
  `);
});

test("json: one document a line, stamped, from start to summary", () => {
  const { reporter, text } = open("json");
  for (const event of build) reporter.emit(event);
  vi.advanceTimersByTime(1500);
  reporter.succeed();
  const lines = text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines[0]).toEqual({ time: "2023-11-14T22:13:20.000Z", type: "start", format: 1, version: "1.2.3" });
  expect(lines.slice(1, -1).map(({ time: _, ...event }) => event)).toEqual(build);
  expect(lines.at(-1)).toEqual({
    time: "2023-11-14T22:13:21.500Z",
    type: "summary",
    outcome: "ok",
    elapsedMs: 1500,
    layers: { new: 1, newBytes: 12_000, reused: 1, reusedBytes: 30_000_000 },
    downloads: { count: 1, bytes: 11_050, retries: 0 },
    transcodes: { count: 1, bytes: 11_050 },
    uploads: { count: 0, bytes: 0 },
    warnings: 1,
    images: [{ digest: digest("c"), platform: "linux/amd64", sizeBytes: 30_012_000 }],
    outputs: [{ kind: "oci", where: "out", digest: digest("c") }],
    caches: [],
    miss: { stage: "image", text: "RUN make", elapsedMs: 41_000, cause: "src/main.c changed" },
  });
});

test("json: a failure is an error document and a summary that says so", () => {
  const { reporter, text } = open("json");
  reporter.fail(environmentError("DISK_FULL", "store: no space left", "Free some."));
  const [, error, summary] = text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(error).toMatchObject({
    type: "error",
    code: "DISK_FULL",
    hint: "Free some.",
    exitCode: 3,
    causes: [],
  });
  expect(summary).toMatchObject({ type: "summary", outcome: "failed" });
});

test("terminal: nothing is drawn for a build that is over at once", async () => {
  const { reporter, drawn, text } = open("tty");
  for (const event of build) reporter.emit(event);
  await vi.advanceTimersByTimeAsync(150);
  reporter.succeed();
  await vi.advanceTimersByTimeAsync(1000);
  expect(drawn.flat()).toEqual([]);
  expect(text()).toContain("built linux/amd64");
});

test("terminal: at most ten redraws a second, however many events there are", async () => {
  const { reporter, drawn } = open("tty");
  reporter.emit({ type: "download-started", id: "d", name: "torch", sizeBytes: 1e9 });
  await vi.advanceTimersByTimeAsync(250);
  drawn.length = 0;
  for (let at = 1; at <= 1000; at++) {
    reporter.emit({ type: "download-progress", id: "d", receivedBytes: at * 1e6 });
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(drawn.length).toBeGreaterThan(5);
  expect(drawn.length).toBeLessThanOrEqual(10);
  reporter.succeed();
});

test("terminal: a warning stands above what moves, and what moves is gone at the end", async () => {
  const { reporter, drawn, text } = open("tty");
  reporter.emit({ type: "step-started", id: "s", name: "resolve" });
  await vi.advanceTimersByTimeAsync(400);
  reporter.emit({ type: "warning", code: "X_Y", message: "careful" });
  expect(text()).toBe("warning[X_Y]: careful\n");
  expect(drawn.at(-2)).toEqual([]);
  reporter.fail(new CambiumError("NO_WHEEL", "foo: none"));
  expect(drawn.at(-1)).toEqual([]);
  expect(text()).toContain("error[NO_WHEEL]: foo: none\n");
});

test("terminal: the process inside gets it for itself", async () => {
  const { reporter, drawn } = open("tty");
  reporter.emit({ type: "step-started", id: "s", name: "resolve" });
  await vi.advanceTimersByTimeAsync(400);
  reporter.emit({ type: "process-started" });
  const before = drawn.length;
  await vi.advanceTimersByTimeAsync(1000);
  expect(drawn.length).toBe(before);
  expect(drawn.at(-1)).toEqual([]);
});

test("auto means a live display on a capable terminal and lines elsewhere", () => {
  const terminal = { write: () => true, isTTY: true };
  expect(resolveProgressMode("auto", terminal, { TERM: "xterm" })).toBe("tty");
  expect(resolveProgressMode("auto", terminal, { TERM: "dumb" })).toBe("plain");
  expect(resolveProgressMode("auto", terminal, { TERM: "xterm", CI: "true" })).toBe("plain");
  expect(resolveProgressMode("auto", { write: () => true }, {})).toBe("plain");
  expect(resolveProgressMode("json", terminal, {})).toBe("json");
});

test("NO_COLOR, a dumb terminal and a pipe get no colour", () => {
  expect(styleFor({ NO_COLOR: "1" }, { isTTY: true })).toBe(noStyle);
  expect(styleFor({ TERM: "dumb" }, { isTTY: true })).toBe(noStyle);
  expect(styleFor({}, {})).toBe(noStyle);
  expect(styleFor({ NO_COLOR: "" }, { isTTY: true }).red("x")).not.toBe("x");
});
