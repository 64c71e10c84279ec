import { digestOf, hexOf } from "../../layer/digest.ts";
import type { MountCosts } from "../../store/mounts.ts";

/** Steps that are remembered, those that ran last. */
const MAX_STEPS = 32;
/** Restoring must cost this much more than it saves before a mount is not worth it: machines and networks differ. */
const MARGIN = 1.5;
const MARGIN_MS = 1000;

/** Which step a measurement is of. */
export function stepId(text: string): string {
  return hexOf(digestOf(text)).slice(0, 16);
}

/** With what a step took, by whether the mount had content when it began. Pure. */
export function withStep(costs: MountCosts, text: string, isCold: boolean, ms: number): MountCosts {
  const id = stepId(text);
  const { [id]: before, ...others } = costs.steps;
  const step = { ...before, [isCold ? "coldMs" : "warmMs"]: Math.round(ms) };
  const steps = [...Object.entries(others), [id, step] as const].slice(-MAX_STEPS);
  return { ...costs, steps: Object.fromEntries(steps) };
}

/** What content saves the steps that were measured both ways, in milliseconds; undefined where none was. Pure. */
export function savedMs({ steps }: MountCosts): number | undefined {
  const both = Object.values(steps).filter(
    ({ coldMs, warmMs }) => coldMs !== undefined && warmMs !== undefined,
  );
  if (both.length === 0) return undefined;
  return both.reduce((sum, { coldMs = 0, warmMs = 0 }) => sum + coldMs - warmMs, 0);
}

/** False only where it was measured that bringing the content here costs clearly more than it saves. Pure. */
export function isWorth(costs: MountCosts): boolean {
  const saved = savedMs(costs);
  if (saved === undefined || costs.restore === undefined) return true;
  return costs.restore.ms <= MARGIN * Math.max(0, saved) + MARGIN_MS;
}
