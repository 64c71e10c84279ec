import { bytesFromText } from "../../layer/raw-text.ts";
import type { TarEntry } from "../../layer/read-tar.ts";
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from "../../layer/whiteout.ts";

/** Whiteouts of one directory, `""` or with a slash at its end. */
type Held = { readonly directory: string; readonly whiteouts: TarEntry[] };

/**
 * Puts the whiteouts of each directory after all that is in it, sorted by bytes. Where they stand in a folder depends on
 * whether they are devices there, as the kernel has them, or files, as fuse-overlayfs may have to write them; the layer
 * must not depend on that. Pure; `members` come directory by directory.
 */
export async function* whiteoutsLast(members: AsyncIterable<TarEntry>): AsyncGenerator<TarEntry> {
  const held: Held[] = [];
  for await (const member of members) {
    while (held.length > 0 && !member.path.startsWith(held.at(-1)!.directory)) yield* sorted(held.pop()!);
    const slash = member.path.lastIndexOf("/");
    const name = member.path.slice(slash + 1);
    if (!name.startsWith(WHITEOUT_PREFIX) || name === OPAQUE_MARKER) {
      yield member;
      continue;
    }
    const directory = member.path.slice(0, slash + 1);
    if (held.at(-1)?.directory !== directory) held.push({ directory, whiteouts: [] });
    held.at(-1)!.whiteouts.push(member);
  }
  while (held.length > 0) yield* sorted(held.pop()!);
}

function sorted({ whiteouts }: Held): TarEntry[] {
  return whiteouts.sort((a, b) => Buffer.compare(bytesFromText(a.path), bytesFromText(b.path)));
}
