import { describe, expect, test } from "vitest";
import type { MountCosts } from "../../store/mounts.ts";
import { isWorth, savedMs, withRestore, withStep } from "./mount-costs.ts";

const restored = (ms: number, steps: MountCosts["steps"] = {}): MountCosts => ({
  restore: { bytes: 1, ms },
  losses: 2,
  steps,
});

describe("a mount is worth its transfer", () => {
  test.for<[string, MountCosts, boolean]>([
    ["as long as nothing was measured", { steps: {} }, true],
    ["while only its restoring was", restored(60_000), true],
    [
      "while no step ran both with and without content",
      restored(60_000, { a: { coldMs: 9 }, b: { warmMs: 9 } }),
      true,
    ],
    ["when it saves more than it costs", restored(2000, { a: { coldMs: 30_000, warmMs: 500 } }), true],
    ["when both are near one another", restored(2000, { a: { coldMs: 2500, warmMs: 1000 } }), true],
    ["not when it costs clearly more", restored(9000, { a: { coldMs: 2500, warmMs: 1000 } }), false],
    ["not when it makes a step slower", restored(1500, { a: { coldMs: 100, warmMs: 9000 } }), false],
  ])("%s", ([, costs, want]) => {
    expect(isWorth(costs)).toBe(want);
  });

  test("until the third build in a row says that it is not", () => {
    const restore = { bytes: 1, ms: 9000 };
    let costs = withStep({ steps: {} }, "RUN make", true, 60_000);
    const wereWorth = (...warm: readonly number[]) =>
      warm.map((ms) => {
        costs = withStep(withRestore(costs, restore), "RUN make", false, ms);
        return isWorth(costs);
      });
    expect(wereWorth(60_000, 60_000, 500)).toEqual([true, true, true]);
    expect(wereWorth(60_000, 60_000, 60_000, 60_000)).toEqual([true, true, false, false]);
    expect(wereWorth(500)).toEqual([true]);
  });
});

test("what steps took is kept by their text, the last that ran, and sums up", () => {
  let costs: MountCosts = restored(5);
  costs = withStep(costs, "RUN make", true, 900.4);
  costs = withStep(costs, "RUN make", false, 100);
  costs = withStep(costs, "RUN other", true, 50);
  expect(savedMs(costs)).toBe(800);
  costs = withStep(costs, "RUN make", false, 300);
  expect(savedMs(costs)).toBe(600);
  for (let i = 0; i < 40; i++) costs = withStep(costs, `RUN ${i}`, true, 1);
  expect(Object.keys(costs.steps)).toHaveLength(32);
  expect(savedMs(costs)).toBeUndefined();
  expect(costs).toMatchObject({ restore: { bytes: 1, ms: 5 }, losses: 2 });
});
