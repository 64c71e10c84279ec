export type ElfFields = {
  readonly machine?: number;
  readonly soname?: string;
  readonly needed?: readonly string[];
  readonly runpath?: string;
  /** Bytes of code, so to speak, before the strings and behind them; default none. */
  readonly gaps?: readonly [before: number, behind: number];
  /** Whether the strings stand behind the dynamic section, where patchelf puts them. */
  readonly isPatched?: boolean;
};

/** A small 64-bit little-endian shared object: one load segment, one dynamic section, no code. */
export function elfOf(fields: ElfFields): Buffer {
  const strings = ["", fields.soname ?? "", ...(fields.needed ?? []), fields.runpath ?? ""];
  const offsets: number[] = [];
  let table = "";
  for (const text of strings) {
    offsets.push(table.length);
    table += `${text}\0`;
  }
  const address = 0x10000;
  const [before, behind] = fields.gaps ?? [0, 0];
  const tagCount =
    2 +
    (fields.needed ?? []).length +
    (fields.soname === undefined ? 0 : 1) +
    (fields.runpath === undefined ? 0 : 1);
  const first = 64 + 2 * 56 + before;
  const tableAt = fields.isPatched ? aligned(first) + 16 * tagCount + behind : first;
  const dynamicAt = aligned(fields.isPatched ? first : tableAt + table.length + behind);
  const tags: (readonly [tag: number, value: number])[] = [[5, address + tableAt]];
  if (fields.soname !== undefined) tags.push([14, offsets[1] ?? 0]);
  for (const index of (fields.needed ?? []).keys()) tags.push([1, offsets[2 + index] ?? 0]);
  if (fields.runpath !== undefined) tags.push([29, offsets.at(-1) ?? 0]);
  tags.push([0, 0]);
  const bytes = Buffer.alloc(Math.max(dynamicAt + tags.length * 16, tableAt + table.length));
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(fields.machine ?? 62, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  const header = (at: number, type: number, offset: number, size: number) => {
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(address + offset), at + 16);
    bytes.writeBigUInt64LE(BigInt(size), at + 32);
  };
  header(64, 1, 0, bytes.length);
  header(64 + 56, 2, dynamicAt, tags.length * 16);
  bytes.write(table, tableAt, "latin1");
  for (const [index, [tag, value]] of tags.entries()) {
    bytes.writeBigUInt64LE(BigInt(tag), dynamicAt + index * 16);
    bytes.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8);
  }
  return bytes;
}

function aligned(offset: number): number {
  return (offset + 15) & ~15;
}
