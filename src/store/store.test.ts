import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Digest, digestOf } from "../layer/digest.ts";
import { storeError } from "./io-error.ts";
import type { StoreWarning } from "./records.ts";
import { openStore, type Store } from "./store.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const unknown = digestOf("never stored");

let root: string;
let store: Store;
let warnings: StoreWarning[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cambium-store-"));
  warnings = [];
  store = openStore(root, { onWarning: (warning) => warnings.push(warning) });
});

afterEach(() => {
  store.close();
  rmSync(root, { recursive: true, force: true });
});

async function all(digest: Digest): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.blobs.stream(digest)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("blobs", () => {
  test("what is put comes back by its digest, whole, in parts and after reopening", async () => {
    const digest = store.blobs.put(bytes("0123456789"));
    expect(digest).toBe(digestOf("0123456789"));
    store.close();
    store = openStore(root);
    expect(store.blobs.size(digest)).toBe(10);
    expect(await all(digest)).toBe("0123456789");
    const part = new Uint8Array(4);
    store.blobs.read(digest, 3, part);
    expect(Buffer.from(part).toString()).toBe("3456");
  });

  test("lie at a path that other tools can find, and nothing else is left", () => {
    const digest = store.blobs.put(bytes("x"));
    const hex = digest.slice(7);
    expect(readFileSync(join(root, "blobs-v1", "sha256", hex.slice(0, 2), hex), "utf8")).toBe("x");
    expect(readdirSync(join(root, "tmp"))).toEqual([]);
  });

  test("an adopted file moves in; when the blob is there already, the file goes all the same", () => {
    for (let times = 0; times < 2; times++) {
      const path = store.blobs.temporary();
      writeFileSync(path, "adopted");
      store.blobs.adopt(path, digestOf("adopted"));
      expect(existsSync(path)).toBe(false);
      expect(store.blobs.size(digestOf("adopted"))).toBe(7);
    }
  });

  test("more blobs than may be open at once are all readable, in any order", () => {
    const digests = Array.from({ length: 150 }, (_, n) => store.blobs.put(bytes(`blob ${n}`.padEnd(10))));
    const target = new Uint8Array(10);
    for (let i = 0; i < 450; i++) {
      const n = (i * 67) % 150;
      store.blobs.read(digests[n]!, 0, target);
      expect(Buffer.from(target).toString()).toBe(`blob ${n}`.padEnd(10));
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(150);
  });

  test("an unknown blob is named", async () => {
    expect(store.blobs.has(unknown)).toBe(false);
    expect(store.blobs.size(unknown)).toBeUndefined();
    const missing = { code: "BLOB_UNKNOWN", message: expect.stringContaining(unknown) };
    expect(() => store.blobs.read(unknown, 0, new Uint8Array(1))).toThrow(expect.objectContaining(missing));
    await expect(all(unknown)).rejects.toMatchObject(missing);
  });

  test("a read past the end is an error, not zeros", () => {
    const digest = store.blobs.put(bytes("0123456789"));
    expect(() => store.blobs.read(digest, 8, new Uint8Array(3))).toThrow(
      expect.objectContaining({ code: "SIZE_INVALID" }),
    );
  });

  test("a removed blob is gone for readers that had it open", () => {
    const digest = store.blobs.put(bytes("x"));
    store.blobs.read(digest, 0, new Uint8Array(1));
    expect(store.blobs.remove(digest, Date.now() + 1000)).toBe(true);
    expect(store.blobs.remove(digest, Date.now() + 1000)).toBe(true);
    expect(() => store.blobs.read(digest, 0, new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: "BLOB_UNKNOWN" }),
    );
  });

  test("a listing passes over foreign files", () => {
    const digest = store.blobs.put(bytes("four"));
    writeFileSync(join(root, "blobs-v1", "sha256", digest.slice(7, 9), "README"), "");
    writeFileSync(join(root, "blobs-v1", "sha256", digest.slice(7, 9), "f".repeat(63)), "");
    expect([...store.blobs.list()]).toMatchObject([{ digest, sizeBytes: 4 }]);
  });
});

describe("records", () => {
  test("are kept by kind and key, and survive reopening", () => {
    store.records.put("layer", "a", { size: 1 });
    store.records.put("layer", "b", [2]);
    store.records.put("lock", "a", "other kind");
    store.records.put("layer", "a", { size: 3 });
    store.records.delete("layer", "b");
    store.close();
    store = openStore(root);
    expect(store.records.get("layer", "a")).toEqual({ size: 3 });
    expect(store.records.get("layer", "b")).toBeUndefined();
    expect(store.records.list("layer").map(({ key }) => key)).toEqual(["a"]);
    expect(store.records.get("lock", "a")).toBe("other kind");
  });

  test("of a kind only the last keys may be kept", () => {
    for (const key of ["1", "2", "3", "4"]) store.records.put("layer", key, key);
    store.records.put("lock", "0", "other kind");
    store.records.keepLast("layer", 4);
    expect(store.records.list("layer")).toHaveLength(4);
    store.records.keepLast("layer", 2);
    expect(store.records.list("layer").map(({ key }) => key)).toEqual(["3", "4"]);
    expect(store.records.has("layer", "4")).toBe(true);
    expect(store.records.has("layer", "1")).toBe(false);
    expect(store.records.has("lock", "0")).toBe(true);
  });

  test("two processes' stores see each other's records", () => {
    const other = openStore(root);
    store.records.put("layer", "a", 1);
    expect(other.records.get("layer", "a")).toBe(1);
    other.close();
  });

  test("reading writes at most once in five minutes", () => {
    let now = 1_700_000_000_000;
    const clocked = openStore(root, { now: () => now });
    const usedMs = () => clocked.records.list("layer")[0]?.usedMs;
    clocked.records.put("layer", "a", 1);
    const first = usedMs();
    now += 299_000;
    clocked.records.get("layer", "a");
    expect(usedMs()).toBe(first);
    now += 2_000;
    clocked.records.get("layer", "a");
    expect(usedMs()).toBe(now);
    clocked.close();
  });

  test("a transaction that fails leaves nothing", () => {
    const failing = () =>
      store.records.transaction(() => {
        store.records.put("layer", "a", 1);
        throw new Error("half way");
      });
    expect(failing).toThrow("half way");
    expect(store.records.get("layer", "a")).toBeUndefined();
    store.records.transaction(() => store.records.put("layer", "a", 2));
    expect(store.records.get("layer", "a")).toBe(2);
  });

  test.for([
    { name: "garbage", damage: () => Buffer.alloc(20_000, 0xa5) },
    { name: "a damaged page", damage: (whole: Buffer) => Buffer.from(whole).fill(0xff, 4096, 8192) },
    { name: "a file cut short", damage: (whole: Buffer) => whole.subarray(0, 5000) },
  ])("$name is set aside with one warning, and records work again", ({ damage }) => {
    for (let n = 0; n < 500; n++) store.records.put("layer", `${n}`, "x".repeat(100));
    store.close();
    const path = join(root, "records-v1.sqlite");
    writeFileSync(path, damage(readFileSync(path)));
    expect(store.records.get("layer", "499")).toBeUndefined();
    store.records.put("layer", "499", "again");
    expect(store.records.get("layer", "499")).toBe("again");
    expect(warnings).toMatchObject([{ code: "RECORDS_CORRUPT", message: expect.stringContaining(path) }]);
    expect(existsSync(`${path}.corrupt-1`)).toBe(true);
  });

  test("damage met within a transaction does not run half of it", () => {
    for (let n = 0; n < 500; n++) store.records.put("layer", `${n}`, "x".repeat(100));
    store.close();
    const path = join(root, "records-v1.sqlite");
    writeFileSync(path, Buffer.alloc(20_000, 0xa5));
    store.records.transaction(() => {
      store.records.put("layer", "a", 1);
      store.records.put("layer", "b", 2);
    });
    expect(store.records.list("layer").map(({ key }) => key)).toEqual(["a", "b"]);
  });
});

describe("opening", () => {
  test("where there is a file is refused with the path and the way out", () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    expect(() => openStore(join(file, "store"))).toThrow(
      expect.objectContaining({
        code: "STORE_UNWRITABLE",
        exitCode: 3,
        message: expect.stringContaining(file),
        hint: expect.stringContaining("CAMBIUM_ROOT"),
      }),
    );
  });

  test.skipIf(process.getuid?.() === 0)("a folder without rights is refused", () => {
    chmodSync(root, 0o500);
    expect(() => openStore(join(root, "new"))).toThrow(expect.objectContaining({ code: "STORE_UNWRITABLE" }));
    chmodSync(root, 0o700);
  });

  test("a relative path is refused, since the library knows no current directory", () => {
    expect(() => openStore("store")).toThrow(TypeError);
  });

  test("does not open the database", () => {
    expect(existsSync(join(root, "records-v1.sqlite"))).toBe(false);
  });
});

test.for([
  ["ENOSPC", "DISK_FULL"],
  ["EDQUOT", "DISK_FULL"],
  ["EROFS", "STORE_UNWRITABLE"],
  ["EACCES", "STORE_UNWRITABLE"],
  ["EIO", "STORE_IO"],
])("%s becomes %s with path and hint", ([errno, code]) => {
  const error = storeError(Object.assign(new Error(`${errno}: x`), { code: errno }), "/some/blob");
  expect(error).toMatchObject({
    code,
    exitCode: 3,
    message: expect.stringContaining("/some/blob"),
    hint: expect.stringContaining("CAMBIUM_ROOT"),
  });
});

test("a blob was used when it was written or looked up, whoever read it", () => {
  const digest = store.blobs.put(bytes("x"));
  utimesSync(store.blobs.path(digest), 1000, 2000);
  expect([...store.blobs.list()]).toMatchObject([{ usedMs: 2_000_000 }]);
});
