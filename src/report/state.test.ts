import fc from "fast-check";
import { expect, test } from "vitest";
import type { BuildEvent } from "../events.ts";
import { downloadedBytes, initialState, nextState, uploadedBytes } from "./state.ts";

function after(...events: BuildEvent[]) {
  return events.reduce((state, event, at) => nextState(state, event, 1000 + at), initialState(1000));
}

test("bytes received count while a download runs and stay when it ends", () => {
  const running = after(
    { type: "download-started", id: "a", name: "numpy", sizeBytes: 100 },
    { type: "download-progress", id: "a", receivedBytes: 40 },
  );
  expect(downloadedBytes(running)).toBe(40);
  const ended = nextState(running, { type: "download-done", id: "a", receivedBytes: 100 }, 2000);
  expect(downloadedBytes(ended)).toBe(100);
  expect(ended.downloads.size).toBe(0);
});

test("a retry is shown until bytes arrive again, and counted", () => {
  const waiting = after(
    { type: "download-started", id: "a", name: "numpy" },
    { type: "download-retry", id: "a", name: "numpy", reason: "status 503", waitMs: 1000 },
  );
  expect(waiting.downloads.get("a")?.retry).toBe("status 503");
  const running = nextState(waiting, { type: "download-progress", id: "a", receivedBytes: 1 }, 2000);
  expect(running.downloads.get("a")?.retry).toBeUndefined();
  expect(running.totals.retries).toBe(1);
});

test("a layer of two platforms counts once, and as new if one of them made it", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const state = after(
    { type: "layer", name: "files", digest, sizeBytes: 5, isReused: true },
    { type: "layer", name: "files", digest, sizeBytes: 5, isReused: false },
    { type: "layer", name: "files", digest, sizeBytes: 5, isReused: true },
  );
  expect(state.layers).toEqual([{ name: "files", digest, sizeBytes: 5, isReused: false }]);
});

test("the same warning is kept once", () => {
  const warning = { type: "warning", code: "RECORDS_CORRUPT", message: "index.db: set aside" } as const;
  expect(after(warning, warning).warnings).toHaveLength(1);
});

test("a blob that the registry had counts no upload", () => {
  const state = after(
    { type: "upload-started", id: "l", name: "numpy", sizeBytes: 9 },
    { type: "upload-done", id: "l", sentBytes: 0 },
  );
  expect([state.totals.uploads, uploadedBytes(state)]).toEqual([0, 0]);
});

test("no order of events, nor an unknown id, makes it throw or count below zero", () => {
  const id = fc.constantFrom("a", "b", "c");
  const size = fc.nat(1000);
  const event: fc.Arbitrary<BuildEvent> = fc.oneof(
    fc.record({ type: fc.constant("step-started" as const), id, name: fc.string() }),
    fc.record({
      type: fc.constant("step-done" as const),
      id,
      outcome: fc.constantFrom("hit" as const, "failed" as const),
    }),
    fc.record({ type: fc.constant("download-started" as const), id, name: fc.string(), sizeBytes: size }),
    fc.record({ type: fc.constant("download-progress" as const), id, receivedBytes: size }),
    fc.record({ type: fc.constant("download-done" as const), id, receivedBytes: size }),
    fc.record({ type: fc.constant("transcode-started" as const), id, name: fc.string(), sizeBytes: size }),
    fc.record({ type: fc.constant("transcode-done" as const), id }),
    fc.record({ type: fc.constant("upload-progress" as const), id, sentBytes: size }),
  );
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const state = after(...events);
      expect(downloadedBytes(state)).toBeGreaterThanOrEqual(0);
      const ended = events.filter((one) => one.type === "download-done").length;
      expect(state.totals.downloads).toBe(ended);
    }),
  );
});
