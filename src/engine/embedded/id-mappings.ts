import type { ProcessUser } from "./accounts.ts";
import type { IdMapping, IdMappings } from "./runtime-spec.ts";

/** The account that runs us, and what the host lends it (subuid(5)). */
export type HostAccount = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly subuid: string;
  readonly subgid: string;
  /** newuidmap and newgidmap are there. */
  readonly canMapRanges: boolean;
};

/** The kernel's overflowuid. */
const OVERFLOW_ID = 65534;

type Range = { readonly start: number; readonly count: number };

/**
 * Ids for a rootless run: root inside is the caller outside. When `user` is someone else and the host lends a range,
 * the ids from 1 on come from it; without a range there is only root inside, and `isExact` is false.
 */
export function idMappings(
  host: HostAccount,
  user: ProcessUser,
): { readonly mappings: IdMappings; readonly isExact: boolean } {
  const single: IdMappings = {
    uids: [{ containerID: 0, hostID: host.uid, size: 1 }],
    gids: [{ containerID: 0, hostID: host.gid, size: 1 }],
  };
  if (user.uid === 0 && user.gid === 0 && user.additionalGids.length === 0)
    return { mappings: single, isExact: true };
  const uids = rangeOf(host.subuid, host);
  const gids = rangeOf(host.subgid, host);
  const highest = Math.max(user.gid, ...user.additionalGids);
  const isExact = host.canMapRanges && user.uid <= (uids?.count ?? 0) && highest <= (gids?.count ?? 0);
  if (!isExact || uids === undefined || gids === undefined) return { mappings: single, isExact: false };
  return {
    mappings: {
      uids: [...single.uids, { containerID: 1, hostID: uids.start, size: uids.count }],
      gids: [...single.gids, { containerID: 1, hostID: gids.start, size: gids.count }],
    },
    isExact: true,
  };
}

/** `name:start:count`, the name may be a uid. The longest range of the account. */
function rangeOf(text: string, host: HostAccount): Range | undefined {
  const ranges = text.split("\n").flatMap((line) => {
    const [owner, start, count] = line.split(":");
    if (owner !== host.name && owner !== String(host.uid)) return [];
    if (!/^\d{1,10}$/.test(start ?? "") || !/^[1-9]\d{0,9}$/.test(count ?? "")) return [];
    return [{ start: Number(start), count: Number(count) }];
  });
  return ranges.sort((a, b) => b.count - a.count)[0];
}

/** What an id of the host is inside; without mappings the same. Ids that are not mapped show as `nobody`'s, as in Linux. */
export function insideId(mappings: readonly IdMapping[] | undefined, hostId: number): number {
  if (mappings === undefined) return hostId;
  const found = mappings.find(({ hostID, size }) => hostId >= hostID && hostId < hostID + size);
  return found === undefined ? OVERFLOW_ID : hostId - found.hostID + found.containerID;
}
