import { digestOf, hexOf } from "../../layer/digest.ts";
import type { MountCosts } from "../../store/mounts.ts";

/** Steps that are remembered, those that ran last. */
const MAX_STEPS = 32;
/** Restoring must cost this much more than it saves before a mount is not worth it: machines and networks differ. */
const MARGIN = 1.5;
const MARGIN_MS = 1000;
/**
 * One build proves nothing: a machine that is busy for a second, or a change that recompiles everything, would take the
 * mount from everyone.
 */
const EARLIER_LOSSES = 2;

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

/** With what it took to bring the content here, which `costs` came with. Pure. */
export function withRestore(
  { losses = 0, ...costs }: MountCosts,
  restore: NonNullable<MountCosts["restore"]>,
): MountCosts {
  return { ...costs, restore, ...(isLoss(costs) && { losses: losses + 1 }) };
}

/** False only where several builds in a row measured that bringing the content costs clearly more than it saves. Pure. */
export function isWorth(costs: MountCosts): boolean {
  return (costs.losses ?? 0) < EARLIER_LOSSES || !isLoss(costs);
}

function isLoss(costs: MountCosts): boolean {
  const saved = savedMs(costs);
  if (saved === undefined || costs.restore === undefined) return false;
  return costs.restore.ms > MARGIN * Math.max(0, saved) + MARGIN_MS;
}
