/** Which mounts a prune may remove; what is absent allows all. */
export type MountChoice = {
  /** Only what was not used since: milliseconds since the epoch. */
  readonly beforeMs?: number;
  /** Stop once all mounts together take no more. Absent: go on until no candidate is left. */
  readonly maxBytes?: number;
  /** Only those of these ids, or names. */
  readonly ids?: readonly string[];
};

type Candidate = {
  readonly name: string;
  readonly id?: string;
  readonly usedMs: number;
  readonly sizeBytes: number;
  readonly isInUse: boolean;
};

/** The mount that goes next: the least recently used that may, and is not in use. Pure. */
export function nextToRemove<Mount extends Candidate>(
  mounts: readonly Mount[],
  { beforeMs = Number.POSITIVE_INFINITY, maxBytes, ids }: MountChoice,
): Mount | undefined {
  const totalBytes = mounts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (maxBytes !== undefined && totalBytes <= maxBytes) return undefined;
  const isNamed = ({ id, name }: Mount) =>
    ids === undefined || ids.includes(name) || (id !== undefined && ids.includes(id));
  return mounts
    .filter((mount) => !mount.isInUse && mount.usedMs < beforeMs && isNamed(mount))
    .sort((a, b) => a.usedMs - b.usedMs || (a.name < b.name ? -1 : 1))[0];
}
