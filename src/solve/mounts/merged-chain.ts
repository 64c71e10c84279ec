import type { ChainLayer } from "../../store/mount-state.ts";

/** Beyond this, what is ours is exported as it is. */
const MAX_CHAIN = 32;

/**
 * The layers of a mount that others exported while it was used here. Where both are later states of one, and it is shared,
 * so that content of several writers may stand together, our changes go on top of theirs; else ours replace theirs. Pure.
 */
export function mergedChain(
  theirs: readonly ChainLayer[],
  ours: readonly ChainLayer[],
  isShared: boolean,
): readonly ChainLayer[] {
  let common = 0;
  while (common < ours.length && isSame(theirs[common], ours[common])) common += 1;
  if (!isShared || common === 0 || common === theirs.length) return ours;
  const there = new Set(theirs.map(({ descriptor }) => descriptor.digest));
  const added = ours.slice(common).filter(({ descriptor }) => !there.has(descriptor.digest));
  const merged = [...theirs, ...added];
  return merged.length > MAX_CHAIN ? ours : merged;
}

function isSame(a: ChainLayer | undefined, b: ChainLayer | undefined): boolean {
  return a?.descriptor.digest === b?.descriptor.digest && a?.diffId === b?.diffId;
}
