/** What a test says of a header; the rest is an empty ustar file named `a`. Text goes in as it is, NUL or not. */
type Header = {
  name?: string | Buffer;
  type?: string;
  size?: number | Buffer;
  link?: string;
  mode?: string;
  uid?: number | Buffer;
  magic?: string;
  prefix?: string;
  device?: readonly [major: number, minor: number];
};

/** One header block with a right checksum. */
export function block(header: Header): Buffer {
  const bytes = Buffer.alloc(512);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  const put = (value: string | Buffer, at: number) => Buffer.from(value).copy(bytes, at);
  const number = (value: number | Buffer, at: number, length: number) =>
    put(typeof value === "number" ? octal(value, length) : value, at);
  put(header.name ?? "a", 0);
  put(header.mode ?? octal(0o644, 8), 100);
  number(header.uid ?? 0, 108, 8);
  number(0, 116, 8);
  number(header.size ?? 0, 124, 12);
  number(315619200, 136, 12);
  put(header.type ?? "0", 156);
  put(header.link ?? "", 157);
  put(header.magic ?? "ustar\x0000", 257);
  if (header.device !== undefined) {
    number(header.device[0], 329, 8);
    number(header.device[1], 337, 8);
  }
  put(header.prefix ?? "", 345);
  return sealed(bytes);
}

export function sealed(bytes: Buffer): Buffer {
  bytes.fill(" ", 148, 156);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

export const padded = (body: Buffer | string) => {
  const bytes = Buffer.from(body);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
};
export const end = Buffer.alloc(1024);
export const tarOf = (...parts: Buffer[]) => Buffer.concat([...parts, end]);
export const record = (text: string) => {
  let length = text.length + 3;
  while (`${length} ${text}\n`.length !== length) length += 1;
  return `${length} ${text}\n`;
};
export const pax = (type: "x" | "g", ...records: string[]) => {
  return extended(type, Buffer.from(records.map(record).join(""), "latin1"));
};
export const extended = (type: string, body: Buffer) =>
  Buffer.concat([block({ name: "PaxHeaders/a", type, size: body.length }), padded(body)]);
export const gnuLong = (type: "L" | "K", text: string) =>
  Buffer.concat([block({ name: "././@LongLink", type, size: text.length + 1 }), padded(`${text}\0`)]);
