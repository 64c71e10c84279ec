import { createHash } from "node:crypto";
import { CambiumError } from "../../../errors.ts";

/** A DER element: its tag, all of its bytes, and its content. */
type Element = { readonly tag: number; readonly whole: Uint8Array; readonly content: Uint8Array };

const SEQUENCE = 0x30;
const SET = 0x31;
const VERSION = 0xa0;
const UTF8 = 0x0c;

/** Decoders of the string types that a canonical name normalises (OpenSSL, `ASN1_MASK_CANON`), by DER tag. */
const DECODERS: ReadonlyMap<number, (content: Uint8Array) => string> = new Map([
  [UTF8, (content: Uint8Array) => Buffer.from(content).toString("utf8")],
  [0x13, latin1],
  [0x14, latin1],
  [0x16, latin1],
  [0x1a, latin1],
  [0x1e, utf16],
]);

/**
 * The eight hex digits that OpenSSL looks a certificate up by: of SHA-1 over the subject in canonical form, in which
 * strings are UTF-8, lower-case, with single spaces. (OpenSSL, X509_NAME_hash; RFC 5280 §4.1)
 * @throws CambiumError `CERTIFICATE_INVALID`; `where` names the file.
 */
export function subjectHash(der: Uint8Array, where: string): string {
  const [certificate] = children(der, where);
  const [tbs] = children(contentOf(certificate, SEQUENCE, where), where);
  const fields = children(contentOf(tbs, SEQUENCE, where), where);
  // version (optional, explicit tag), serialNumber, signature, issuer, validity, subject
  const subject = fields[(fields[0]?.tag === VERSION ? 1 : 0) + 4];
  const names = children(contentOf(subject, SEQUENCE, where), where).map((rdn) => {
    const attributes = children(contentOf(rdn, SET, where), where).map((attribute) => {
      const [type, value] = children(contentOf(attribute, SEQUENCE, where), where);
      if (type === undefined || value === undefined) throw invalid(where);
      return encode(SEQUENCE, Buffer.concat([type.whole, canonicalString(value)]));
    });
    return encode(SET, Buffer.concat(attributes.sort(Buffer.compare)));
  });
  const hash = createHash("sha1").update(Buffer.concat(names)).digest();
  return hash.readUInt32LE(0).toString(16).padStart(8, "0");
}

/** The first certificate of a PEM file as DER. @throws CambiumError `CERTIFICATE_INVALID`. */
export function derOfPem(pem: string, where: string): Uint8Array {
  const body = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem)?.[1];
  if (body === undefined) throw invalid(where);
  return Buffer.from(body, "base64");
}

function canonicalString(value: Element): Uint8Array {
  const decode = DECODERS.get(value.tag);
  if (decode === undefined) return value.whole;
  const text = decode(value.content)
    .replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, "")
    .replace(/[ \t\n\v\f\r]+/g, " ")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return encode(UTF8, Buffer.from(text, "utf8"));
}

function children(bytes: Uint8Array, where: string): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1];
    if (first === undefined) throw invalid(where);
    let start = at + 2;
    let length = first;
    if (first >= 0x80) {
      const count = first & 0x7f;
      if (count === 0 || count > 4 || start + count > bytes.length) throw invalid(where);
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
      start += count;
    }
    const end = start + length;
    if (end > bytes.length) throw invalid(where);
    elements.push({ tag, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) });
    at = end;
  }
  return elements;
}

function contentOf(element: Element | undefined, tag: number, where: string): Uint8Array {
  if (element?.tag !== tag) throw invalid(where);
  return element.content;
}

function encode(tag: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  if (content.length < 0x80) length.push(content.length);
  else {
    for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
    length.unshift(0x80 | length.length);
  }
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function latin1(content: Uint8Array): string {
  return Buffer.from(content).toString("latin1");
}

/** BMPString is big-endian. */
function utf16(content: Uint8Array): string {
  return content.length % 2 === 0 ? Buffer.from(content).swap16().toString("utf16le") : latin1(content);
}

function invalid(where: string): CambiumError {
  return new CambiumError("CERTIFICATE_INVALID", `${where}: not an X.509 certificate in PEM`);
}
