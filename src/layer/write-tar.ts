import { type HeaderEntry, paddingOf, tarHeader } from "./tar-header.ts";

/** A member to write: `content` for a file of `size` bytes. */
export type TarMember = {
  readonly entry: HeaderEntry;
  readonly mtimeSec: number;
  /** The exact time as PAX writes it. */
  readonly mtimeText?: string;
  readonly content?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
};

/** Largest time of the octal field: the year 2242. Other times go into PAX. */
const MAX_TIME = 0o77777777777;

/** Members in their order as one tar, ended by two zero blocks. Memory: one chunk. */
export async function* writeTar(
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
): AsyncGenerator<Uint8Array> {
  for await (const member of members) {
    yield tarMemberHeader(member);
    if (member.content === undefined || member.entry.type !== "file") continue;
    yield* member.content;
    const padding = paddingOf(member.entry.size);
    if (padding > 0) yield new Uint8Array(padding);
  }
  yield new Uint8Array(1024);
}

/** As `tarHeader`, for any time. */
export function tarMemberHeader({ entry, mtimeSec, mtimeText }: Omit<TarMember, "content">): Uint8Array {
  const whole = Math.floor(mtimeSec);
  const fits = whole >= 0 && whole <= MAX_TIME;
  const text = mtimeText ?? (fits ? undefined : String(whole));
  return tarHeader(entry, fits ? whole : 0, text);
}
