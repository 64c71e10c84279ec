import { xz } from "@napi-rs/lzma";
import * as openpgp from "openpgp";
import type { DocumentClient } from "../../src/ecosystems/debian/indices.ts";
import { digestOf, hexOf } from "../../src/layer/digest.ts";

/** A key that a test mirror signs with. */
export type SigningKey = {
  readonly publicKey: string;
  sign(text: string, date?: Date): Promise<string>;
};

/** Makes a key of its own; `created` is when it and its signatures begin to count. */
export async function signingKey(created: Date): Promise<SigningKey> {
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: "ecc",
    curve: "ed25519Legacy",
    userIDs: [{ name: "test mirror" }],
    date: created,
    format: "object",
  });
  return {
    publicKey: publicKey.armor(),
    async sign(text, date = created) {
      const message = await openpgp.createCleartextMessage({ text });
      return openpgp.sign({ message, signingKeys: privateKey, date });
    },
  };
}

/** A stanza of a `Packages` file; fields that a test does not give are filled in. */
export function packageStanza(
  fields: Readonly<Record<string, string>> & { readonly Package: string },
): string {
  const name = fields.Package;
  const all = {
    Version: "1.0",
    Architecture: "amd64",
    Priority: "optional",
    Filename: `pool/main/${name[0]}/${name}/${name}_${(fields.Version ?? "1.0").replace(/^\d+:/, "")}_amd64.deb`,
    Size: "1000",
    SHA256: hexOf(digestOf(`${name} ${fields.Version ?? "1.0"}`)),
    ...fields,
  };
  return `${Object.entries(all)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("")}\n`;
}

export type ReleaseFields = {
  readonly codename: string;
  readonly origin?: string;
  readonly date?: string;
  readonly validUntil?: string;
  readonly index: string;
};

/** Text of a Release whose one index is `main/binary-amd64/Packages.xz` with the given text. */
export function releaseText(fields: ReleaseFields): { text: string; packages: Uint8Array } {
  const packages = xz.compressSync(Buffer.from(fields.index));
  const lines = [
    `Origin: ${fields.origin ?? "Debian"}`,
    `Codename: ${fields.codename}`,
    `Date: ${fields.date ?? "Sat, 01 Nov 2025 00:00:00 UTC"}`,
    ...(fields.validUntil === undefined ? [] : [`Valid-Until: ${fields.validUntil}`]),
    "Acquire-By-Hash: yes",
    "SHA256:",
    ` ${hexOf(digestOf(packages))} ${packages.length} main/binary-amd64/Packages.xz`,
  ];
  return { text: `${lines.join("\n")}\n`, packages };
}

/** Documents by URL in memory, with a log of what was asked. */
export function documentsAt(documents: ReadonlyMap<string, Uint8Array | string>): DocumentClient & {
  readonly asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    async document(url, { allow404 }) {
      asked.push(url);
      const found = documents.get(url);
      if (found === undefined) {
        if (allow404 === true) return { status: 404, bytes: new Uint8Array(0) };
        throw new Error(`not found: ${url}`);
      }
      return { status: 200, bytes: Buffer.from(found) };
    },
  };
}
