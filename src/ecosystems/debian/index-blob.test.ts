import { writeFileSync } from "node:fs";
import { xz } from "@napi-rs/lzma";
import { expect, test } from "vitest";
import { packageStanza } from "../../../tests/support/debian-mirror.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { digestOf } from "../../layer/digest.ts";
import { openStore } from "../../store/store.ts";
import { putIndexBlob, readIndexBlob } from "./index-blob.ts";
import { condenseIndex } from "./package-table.ts";

const text = Buffer.from([packageStanza({ Package: "a" }), packageStanza({ Package: "b" })].join(""));

test("what was kept is read again, and a blob that is damaged, lost or something else is none", async () => {
  using folder = temporaryFolder();
  const store = openStore(folder.at("store"));
  try {
    const { blobs } = store;
    const digest = await putIndexBlob(xz.compressSync(text), "sample", blobs);
    expect(readIndexBlob(digest, blobs)?.equals(condenseIndex(text))).toBe(true);
    expect(readIndexBlob(blobs.put(Buffer.from("no zstd")), blobs)).toBeUndefined();
    expect(readIndexBlob(digestOf("never put"), blobs)).toBeUndefined();
    blobs.close();
    writeFileSync(blobs.path(digest), "damaged");
    expect(readIndexBlob(digest, blobs)).toBeUndefined();
  } finally {
    store.close();
  }
});

test("an index that is cut is refused, and nothing is kept of it", async () => {
  using folder = temporaryFolder();
  const store = openStore(folder.at("store"));
  try {
    const packed = xz.compressSync(text);
    const cut = packed.subarray(0, packed.length - 8);
    await expect(putIndexBlob(cut, "sample", store.blobs)).rejects.toMatchObject({ code: "XZ_INVALID" });
    expect([...store.blobs.list()]).toEqual([]);
  } finally {
    store.close();
  }
});
