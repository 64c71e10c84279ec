import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { elfOf } from "../../../tests/support/elf.ts";
import { type WheelFile, type WheelOptions, wheel, wheelFilename } from "../../../tests/support/wheel.ts";
import { canonicalJson } from "../../canonical-json.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { comparePaths } from "../../layer/entry.ts";
import type { Segment } from "../../layer/segment.ts";
import type { DirectUrl } from "./lock.ts";
import { planWheel, transcodeWheel, wheelRecipe } from "./transcode.ts";

const scratch = mkdtempSync(join(tmpdir(), "transcode-"));
afterAll(() => rmSync(scratch, { recursive: true }));

type Transcoded = {
  readonly segment: Segment;
  text(path: string): string;
  readonly modes: Record<string, string>;
};

const SITE = "opt/venv/lib/python3/site-packages";
const INFO = `${SITE}/demo-1.0.dist-info`;

async function transcode(
  bytes: Buffer,
  filename = wheelFilename(),
  directUrl?: DirectUrl,
): Promise<Transcoded> {
  const path = join(scratch, `${digestOf(bytes).slice(7, 23)}.whl`);
  writeFileSync(path, bytes);
  const blobs = new Map<Digest, Uint8Array>([[digestOf(bytes), bytes]]);
  const put = (content: Uint8Array) => {
    blobs.set(digestOf(content), content);
    return digestOf(content);
  };
  const input = {
    path,
    digest: digestOf(bytes),
    filename,
    ...(directUrl === undefined ? {} : { directUrl }),
  };
  const segment = await transcodeWheel(input, { put });
  return {
    segment,
    modes: Object.fromEntries(segment.entries.map((it) => [it.path, it.mode.toString(8)])),
    text(wanted) {
      const entry = segment.entries.find((it) => it.path === wanted);
      if (entry?.type !== "file")
        throw new Error(`${wanted} is not among ${segment.entries.map((it) => it.path)}`);
      if (entry.payload === undefined) return "";
      const { blob, offset, length } = entry.payload;
      const content = inflateRawSync(blobs.get(blob)!.subarray(offset, offset + length));
      expect(digestOf(content)).toBe(entry.digest);
      expect(content.length).toBe(entry.size);
      return content.toString();
    },
  };
}

function refusal(code: string, message: string | RegExp) {
  const matcher =
    typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message);
  return expect.objectContaining({ code, message: matcher, hint: expect.any(String) });
}

async function expectRefused(
  files: Record<string, WheelFile>,
  code: string,
  message: string | RegExp,
  options?: WheelOptions,
) {
  await expect(transcode(wheel(files, options), wheelFilename(options))).rejects.toThrow(
    refusal(code, message),
  );
}

test("a member keeps its own deflate bytes; only generated files are packed", async () => {
  const bytes = wheel({ "demo/__init__.py": "x = 1\n", "demo/empty.py": "" });
  const { segment, text } = await transcode(bytes);
  const at = (path: string) => segment.entries.find((it) => it.path === path);
  expect(at(`${SITE}/demo/__init__.py`)).toMatchObject({
    payload: { blob: digestOf(bytes) },
    size: 6,
    uid: 0,
    gid: 0,
  });
  expect(text(`${SITE}/demo/__init__.py`)).toBe("x = 1\n");
  expect(at(`${SITE}/demo/empty.py`)).toMatchObject({ size: 0, digest: digestOf("") });
  expect(at(`${SITE}/demo/empty.py`)).not.toHaveProperty("payload");
  expect(segment.blobs).toHaveLength(2);
  expect(segment).toMatchObject({ name: "demo 1.0", key: "demo", mtimeSec: 315619200 });
  expect(segment.sizeBytes).toBe(
    segment.entries.reduce((sum, it) => sum + (it.type === "file" ? it.size : 0), 0),
  );
});

test("the dist-info is what pip leaves, with our INSTALLER", async () => {
  const { text, modes } = await transcode(wheel({ "demo.py": "x = 1\n" }));
  expect(text(`${INFO}/INSTALLER`)).toBe("cambium\n");
  expect(text(`${INFO}/REQUESTED`)).toBe("");
  expect(Object.keys(modes)).not.toContain(`${INFO}/direct_url.json`);
  expect(text(`${INFO}/RECORD`)).toBe(
    [
      "demo-1.0.dist-info/INSTALLER,sha256=IKIoxznO5HbMzYtxUlKCbhDfG1hpOHEScGgpr_KiFzM,8",
      "demo-1.0.dist-info/METADATA,sha256=NKonpgZPlYtBt4GiF_KQ_Qq1-WUeK25Kzas0G3uTwwU,46",
      "demo-1.0.dist-info/RECORD,,",
      "demo-1.0.dist-info/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0",
      "demo-1.0.dist-info/WHEEL,sha256=JCVX9z8V-js2aV5qmQR2E3fiCs-Yu3vPO91cCBmO1JM,59",
      "demo.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6",
      "",
    ].join("\r\n"),
  );
});

test("parts of .data go where the venv scheme has them, and RECORD says so", async () => {
  const { text, modes } = await transcode(
    wheel({
      "demo-1.0.data/purelib/pure.py": "1",
      "demo-1.0.data/platlib/plat.py": "2",
      "demo-1.0.data/data/share/demo/x.txt": "3",
      "demo-1.0.data/headers/demo.h": "4",
      "demo-1.0.data/scripts/tool": "#!python\nprint(5)\n",
    }),
    wheelFilename({}, "cp311-cp311-linux_x86_64"),
  );
  expect(text(`${SITE}/pure.py`) + text(`${SITE}/plat.py`) + text("opt/venv/share/demo/x.txt")).toBe("123");
  expect(text("opt/venv/include/site/python3.11/demo/demo.h")).toBe("4");
  expect(text("opt/venv/bin/tool")).toBe("#!/opt/venv/bin/python\nprint(5)\n");
  expect(modes["opt/venv/bin/tool"]).toBe("644");
  const record = text(`${INFO}/RECORD`);
  expect(record).toMatch(
    /^\.\.\/\.\.\/\.\.\/bin\/tool,sha256=G6bowE6p3qySA3q2cOkymcBmSJXHj5Z_mzprZn5tHac,32\r$/m,
  );
  expect(record).toMatch(/^\.\.\/\.\.\/\.\.\/include\/site\/python3\.11\/demo\/demo\.h,sha256=/m);
  expect(record).toMatch(/^\.\.\/\.\.\/\.\.\/share\/demo\/x\.txt,/m);
  expect(record).toMatch(/^pure\.py,/m);
});

test("a wheel for any Python 3 has no path with X.Y in it", async () => {
  const files = {
    "demo-1.0.data/headers/demo.h": "4",
    "@/entry_points.txt": "[console_scripts]\npip = demo:main\n",
  };
  const { modes, text } = await transcode(wheel(files));
  expect(Object.keys(modes).filter((path) => /\d\.\d/.test(path.replaceAll("demo-1.0", "")))).toEqual([]);
  expect(Object.keys(modes)).toEqual(expect.arrayContaining(["opt/venv/bin/pip", "opt/venv/bin/pip3"]));
  expect(text(`${INFO}/RECORD`)).toContain("../../../include/site/python3/demo/demo.h,");
});

test("entry points become executable scripts, in place of the wheel's own wrappers", async () => {
  const { text, modes } = await transcode(
    wheel({
      "@/entry_points.txt":
        "[console_scripts]\ndemo = demo.cli:main\n[gui_scripts]\nwin = demo.gui:App.run\n",
      "demo-1.0.data/scripts/demo": "#!python\n# what setuptools made\n",
      "demo-1.0.data/scripts/win-script.py": "#!python\n",
    }),
  );
  expect(text("opt/venv/bin/demo")).toContain("from demo.cli import main");
  expect(text("opt/venv/bin/win")).toContain("sys.exit(App.run())");
  expect(modes["opt/venv/bin/demo"]).toBe("755");
  expect(Object.keys(modes)).not.toContain("opt/venv/bin/win-script.py");
  expect(text(`${INFO}/RECORD`)).toContain("../../../bin/win,sha256=");
});

test.each([
  [0o100644, "644"],
  [0o100600, "644"],
  [0o100777, "755"],
  [0o100654, "755"],
  [0o100001, "755"],
  [0o755, "644"],
  [0, "644"],
])("mode %o in the wheel is %s installed", async (mode, installed) => {
  const { modes } = await transcode(wheel({ "demo.sh": { content: "x", mode } }));
  expect(modes[`${SITE}/demo.sh`]).toBe(installed);
});

test("nested .dist-info directories are ordinary files, and signatures are kept without a digest", async () => {
  const { text } = await transcode(
    wheel({
      "demo/_vendor/six-1.17.0.dist-info/RECORD": "six.py,,\n",
      "@/RECORD": "demo/_vendor/six-1.17.0.dist-info/RECORD,,\n",
      "@/RECORD.jws": "signed",
    }),
  );
  expect(text(`${SITE}/demo/_vendor/six-1.17.0.dist-info/RECORD`)).toBe("six.py,,\n");
  expect(text(`${INFO}/RECORD.jws`)).toBe("signed");
  expect(text(`${INFO}/RECORD`)).toContain("demo-1.0.dist-info/RECORD.jws,,\r\n");
});

test("of files that end at one path the later in pip's order stays", async () => {
  const files = { "demo-1.0.data/purelib/demo.py": "from data\n", "demo.py": "from root\n" };
  expect((await transcode(wheel(files))).text(`${SITE}/demo.py`)).toBe("from data\n");
});

test("direct_url.json is what pip writes, without credentials", async () => {
  const directUrl = {
    url: "https://user:secret@files.example/d%C3%A9mo/demo-1.0-py3-none-any.whl",
    archive_info: { hashes: { sha256: "abc" } },
    é: "ü",
  };
  const { text, segment } = await transcode(wheel({}), wheelFilename(), directUrl);
  expect(text(`${INFO}/direct_url.json`)).toBe(
    '{"archive_info": {"hash": "sha256=abc", "hashes": {"sha256": "abc"}}, ' +
      '"url": "https://files.example/d%C3%A9mo/demo-1.0-py3-none-any.whl", "\\u00e9": "\\u00fc"}',
  );
  expect(JSON.stringify(segment.recipe)).not.toContain("secret");
});

/** The name of an environment variable, as PEP 610 allows it in an address. */
const named = ["$", "{TOKEN}"].join("");

test.each([
  ["git", "ssh://git@forge.example/x.git", "ssh://git@forge.example/x.git"],
  ["variables", `https://${named}:${named}@forge.example/x`, `https://${named}:${named}@forge.example/x`],
  ["a token", "https://token@forge.example/x", "https://forge.example/x"],
  ["git with a password", "https://git:pw@forge.example/x", "https://forge.example/x"],
])("of an address with %s only a secret is left out", async (_, url, shown) => {
  const { text } = await transcode(wheel({}), wheelFilename(), { url, vcs_info: { vcs: "git" } });
  expect(JSON.parse(text(`${INFO}/direct_url.json`)).url).toBe(shown);
});

test.each<[string, WheelFile | undefined, string, RegExp]>([
  ["METADATA", "Name: other\nVersion: 1.0\n", "WHEEL_METADATA", /name "other", the file name demo$/],
  ["METADATA", "Name: demo\nVersion: 2.0\n", "WHEEL_METADATA", /version "2.0", the file name 1.0$/],
  ["METADATA", "\nName: demo\nVersion: 1.0\n", "WHEEL_METADATA", /name null/],
  ["METADATA", Buffer.from([0xff]), "WHEEL_METADATA", /METADATA is not UTF-8/],
  ["WHEEL", "Root-Is-Purelib: true\n", "WHEEL_METADATA", /Wheel-Version null/],
  ["WHEEL", "Wheel-Version: 2.0\n", "WHEEL_METADATA", /Wheel-Version 2.0, but 1.x/],
  ["WHEEL", "Wheel-Version: one\n", "WHEEL_METADATA", /Wheel-Version "one"/],
  ["RECORD", '"', "WHEEL_RECORD", /RECORD: a quoted field does not end/],
  ["entry_points.txt", "[console_scripts]\nx = y\n", "WHEEL_ENTRY_POINT", /"x = y"/],
  [
    "entry_points.txt",
    "[console_scripts]\n../x = y:z\n",
    "WHEEL_ENTRY_POINT",
    /outside the scripts directory/,
  ],
])("a wrong %s is refused: %j", async (name, content, code, message) => {
  await expectRefused({ [`@/${name}`]: content ?? "" }, code, message);
});

test.each([
  ["Wheel-Version: 1.9\n", "a newer minor version"],
  ["wheel-version:1.0\r\n", "other case and line ends"],
  ["Wheel-Version: 1.0\nTag: a\n b\n", "a continued line"],
])("WHEEL with %j is fine: %s", async (text) => {
  expect((await transcode(wheel({}, { wheelFile: text }))).segment.key).toBe("demo");
});

test.each([
  [
    "another distribution's",
    { "other-1.0.dist-info/METADATA": "" },
    /2 \.dist-info directories: "other-1\.0\.dist-info", "demo-1\.0\.dist-info"$/,
  ],
  ["two", { "demo-1.1.dist-info/x": "" }, /2 \.dist-info directories/],
])("%s dist-info is refused, with what was found", async (_, files, message) => {
  await expectRefused(files, "WHEEL_DIST_INFO", message);
});

test.each([
  ["other-1.0-py3-none-any.whl", /"demo-1.0.dist-info", but the file name says other 1.0$/],
  ["demo-1.1-py3-none-any.whl", /"demo-1.0.dist-info", but the file name says demo 1.1$/],
])("a wheel under the name %s is refused with both values", async (filename, message) => {
  await expect(transcode(wheel({}), filename)).rejects.toThrow(refusal("WHEEL_DIST_INFO", message));
});

test.each([
  ["Demo.Pkg", "1.0", "demo_pkg-1.0-py3-none-any.whl"],
  ["demo-pkg", "1.0.0", "demo_pkg-1.0-py3-none-any.whl"],
  ["demo", "1.0+local.1", "demo-1.0+local_1-py3-none-any.whl"],
])("%s %s is what %s promises", async (name, version, filename) => {
  expect((await transcode(wheel({}, { name, version }), filename)).segment.entries.length).toBe(5);
});

test.each<[string, Record<string, WheelFile>, string, RegExp]>([
  [
    "an unknown key in .data",
    { "demo-1.0.data/etc/x": "" },
    "WHEEL_DATA_SCHEME",
    /etc\/x" is not in one of .*data,headers/,
  ],
  ["a file right in .data", { "demo-1.0.data/x": "" }, "WHEEL_DATA_SCHEME", /demo-1.0.data\/x/],
  ["a key that every object has", { "demo-1.0.data/constructor/x": "" }, "WHEEL_DATA_SCHEME", /constructor/],
  [
    "a script called python",
    { "@/entry_points.txt": "[console_scripts]\npython = a:b\n" },
    "WHEEL_CONFLICT",
    /\/opt\/venv\/bin\/python, a part of the venv/,
  ],
  ["a pyvenv.cfg", { "demo-1.0.data/data/pyvenv.cfg": "" }, "WHEEL_CONFLICT", /pyvenv.cfg/],
  ["lib64 as a file", { "demo-1.0.data/data/lib64": "" }, "WHEEL_CONFLICT", /lib64/],
  [
    "a file and a directory at one place",
    { "demo-1.0.data/purelib/a": "", "a/b": "" },
    "WHEEL_CONFLICT",
    /site-packages\/a would be a file and the directory/,
  ],
  [
    "a wrong CRC",
    { "demo.py": { content: "x", local: { crc32: 1 }, central: { crc32: 1 } } },
    "CRC_INVALID",
    /demo\.py: want CRC-32 00000001, got 8cdc1683/,
  ],
  [
    "a wrong size",
    { "demo.py": { content: "xyz", local: { sizeBytes: 2 }, central: { sizeBytes: 2 } } },
    "SIZE_INVALID",
    /demo\.py: got .* of 2 bytes/,
  ],
  [
    "no deflate stream",
    { "demo.py": { content: "xyz", compressed: Buffer.from([255, 255, 255]) } },
    "DEFLATE_INVALID",
    /demo\.py/,
  ],
  [
    "junk after the end of the deflate stream",
    { "demo.py": { content: "x", compressed: Buffer.concat([deflateRawSync("x"), Buffer.from("junk")]) } },
    "DEFLATE_INVALID",
    /demo\.py/,
  ],
  [
    "a wrong CRC in METADATA",
    { "@/METADATA": { content: "x", local: { crc32: 1 }, central: { crc32: 1 } } },
    "CRC_INVALID",
    /METADATA: want CRC-32 00000001/,
  ],
  [
    "a bomb as METADATA",
    { "@/METADATA": { content: "x".repeat(5000), local: { sizeBytes: 9 }, central: { sizeBytes: 9 } } },
    "SIZE_INVALID",
    /METADATA: got more of 9 bytes/,
  ],
])("%s is refused", async (_, files, code, message) => {
  await expectRefused(files, code, message);
});

test("a wheel without RECORD is refused", async () => {
  const bytes = wheel({});
  for (let at = bytes.indexOf("/RECORD"); at >= 0; at = bytes.indexOf("/RECORD", at + 1))
    bytes.write("/RECORT", at);
  await expect(transcode(bytes)).rejects.toThrow(
    refusal("WHEEL_RECORD", "it has no demo-1.0.dist-info/RECORD"),
  );
});

/** `bz2.compress(b"x = 1\n" * 3)`, and the same as zip's LZMA, made by Python's zipfile. */
const BZIP2 = Buffer.from(
  "425a683931415926535971a7881b000008d88000104000200200402000223d26d06683ca23c2617724538509071a7881b0",
  "hex",
);
const LZMA = Buffer.from("090405005d00008000003c0803a21156de49f9c9f9fffffab06000", "hex");
const content = "x = 1\n".repeat(3);

test.each<[string, WheelFile]>([
  ["stored", { content, method: "stored" }],
  ["bzip2", { content, method: 12, compressed: BZIP2 }],
  ["lzma", { content, method: 14, compressed: LZMA }],
])("a %s member is recompressed with the pinned compressor", async (_, file) => {
  const bytes = wheel({ "demo.py": file });
  const { segment, text } = await transcode(bytes);
  expect(text(`${SITE}/demo.py`)).toBe(content);
  const entry = segment.entries.find((it) => it.path === `${SITE}/demo.py`);
  expect(entry).toMatchObject({ payload: { blob: segment.blobs.find((it) => it !== digestOf(bytes)) } });
});

test.each<[string, Omit<Exclude<WheelFile, string | Uint8Array>, "content">]>([
  ["bzip2", { method: 12, compressed: BZIP2.subarray(0, -4) }],
  ["bzip2", { method: 12, compressed: Buffer.from("not bzip2 at all") }],
  ["lzma", { method: 14, compressed: LZMA.subarray(0, -8) }],
  ["lzma", { method: 14, compressed: Buffer.from("no") }],
  ["lzma", { method: 14, compressed: Buffer.alloc(40, 255) }],
])("damaged %s data is refused with the member's name", async (kind, form) => {
  await expectRefused(
    { "demo.py": { content, ...form } },
    "DEFLATE_INVALID",
    `demo.py: no valid ${kind} data`,
  );
});

test("layout 1: these bytes do not move", async () => {
  // Stored members only, so that every payload comes from the pinned compressor.
  const bytes = wheel(
    {
      "demo/__init__.py": "x = 1\n",
      "demo/é.py": "",
      "demo-1.0.data/scripts/tool": { content: "#!python\n", mode: 0o100755 },
      "@/entry_points.txt": "[console_scripts]\ndemo = demo:main\n",
    },
    { each: { method: "stored" } },
  );
  const { segment } = await transcode(bytes);
  expect(digestOf(canonicalJson(segment.entries))).toBe(
    "sha256:bd716013321ba162a12e4992f7dd85c045e5ed1e068bb3aa2d4203cf63ed4931",
  );
  expect(segment.id).toBe("ebb1b4d42e5cc6c2b5da51b4f78a1d9ba2594ba330c4c8d6f2ad8ea9031693da");
});

test("how the zip is written leaves no trace but in payload positions", async () => {
  const form = fc.record({
    zip64: fc.boolean(),
    method: fc.constantFrom("stored", "deflate"),
    comment: fc.constantFrom("", "hello"),
    zip64End: fc.boolean(),
  });
  const files: [string, WheelFile][] = [
    ["a.py", "a = 1\n"],
    ["b/c.py", "c = 1\n".repeat(50)],
    ["demo-1.0.data/scripts/s", "#!python\n"],
    ["@/entry_points.txt", "[console_scripts]\nx = a:b\n"],
  ];
  const listing = async (bytes: Buffer) =>
    (await transcode(bytes)).segment.entries.map((it) => ({ ...it, payload: undefined }));
  // RECORD is given, since its rows' order is the wheel's content.
  const record = { "@/RECORD": "a.py,,\nb/c.py,,\n" };
  const plain = await listing(wheel({ ...Object.fromEntries(files), ...record }));
  await fc.assert(
    fc.asyncProperty(form, fc.shuffledSubarray(files, { minLength: files.length }), async (world, order) => {
      const bytes = wheel({ ...Object.fromEntries(order), ...record }, { ...world, each: world as object });
      expect(await listing(bytes)).toEqual(plain);
    }),
    { numRuns: 25 },
  );
});

test("entries are sorted by their bytes, each path once", async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-zA-Zé\u{1f600}\uffee._-]{1,6}$/u), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(names, async (list) => {
      const files = Object.fromEntries(list.map((name) => [`p/${name}x`, name]));
      const paths = (await transcode(wheel(files))).segment.entries.map((it) => it.path);
      expect(paths).toEqual([...new Set(paths)].sort(comparePaths));
      expect(paths).toEqual([...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
    { numRuns: 25 },
  );
});

test("the recipe has X.Y only where the wheel serves one version, and never a credential it was not given", () => {
  const digest = digestOf("x");
  expect(wheelRecipe(digest, "demo-1.0-py3-none-any.whl").options).toEqual({ scheme: "venv" });
  expect(wheelRecipe(digest, "demo-1.0-cp311-cp311-linux_x86_64.whl").options).toEqual({
    scheme: "venv",
    python: "3.11",
  });
  expect(wheelRecipe(digest, "demo-1.0-py3-none-any.whl", { url: "file:///x" }).options).toEqual({
    scheme: "venv",
    directUrl: '{"url": "file:///x"}',
  });
});

test("a plan knows every path and size without the digests of what stays deflated", async () => {
  const bytes = wheel({ "demo.py": "x = 1\n" });
  const path = join(scratch, "plan.whl");
  writeFileSync(path, bytes);
  const plan = await planWheel({ path, digest: digestOf(bytes), filename: wheelFilename() });
  const known = plan.files
    .filter((it) => it.content !== undefined)
    .map((it) => it.path.slice(INFO.length + 1));
  expect(known).toEqual(["INSTALLER", "RECORD", "REQUESTED"]);
  expect(plan.files.find((it) => it.path === `${SITE}/demo.py`)).toMatchObject({ size: 6, mode: 0o644 });
});

test("a wheel that is no file is an error of the system, not of the wheel", async () => {
  const input = { path: join(scratch, "absent.whl"), digest: digestOf(""), filename: wheelFilename() };
  await expect(planWheel(input)).rejects.toThrow(expect.objectContaining({ code: "ENOENT" }));
});

test("shared objects are told with what they need, however they were packed", async () => {
  const far = [600 << 10, 600 << 10] as const;
  const { segment } = await transcode(
    wheel({
      "demo/near.so": elfOf({ needed: ["libc.so.6"] }),
      // Of more than a chunk, with strings that have passed when the section that names them comes.
      "demo/far.so": elfOf({ soname: "far.so", needed: ["libz.so.1"], gaps: far }),
      "demo/patched.so": elfOf({ machine: 183, needed: ["liba.so"], gaps: far, isPatched: true }),
      "demo.libs/stored.so.1": { content: elfOf({ runpath: "$ORIGIN:/opt/lib" }), method: "stored" },
      "demo/data.bin": "\x7fELF, it says",
      "demo/text.py": "x = 1\n",
    }),
  );
  const here = { architecture: "amd64", needed: [], runpath: [] };
  expect(segment.sharedObjects).toEqual([
    { ...here, path: `${SITE}/demo.libs/stored.so.1`, runpath: ["$ORIGIN", "/opt/lib"] },
    { ...here, path: `${SITE}/demo/far.so`, soname: "far.so", needed: ["libz.so.1"] },
    { ...here, path: `${SITE}/demo/near.so`, needed: ["libc.so.6"] },
    { ...here, path: `${SITE}/demo/patched.so`, architecture: "arm64", needed: ["liba.so"] },
  ]);
});

test("a shared object that points outside of itself is no error, and not told", async () => {
  const odd = elfOf({ needed: ["libc.so.6"] });
  odd.writeBigUInt64LE(2n ** 63n, 32);
  const { segment } = await transcode(wheel({ "demo/odd.so": odd }));
  expect(segment.sharedObjects).toEqual([]);
});

test("what a wheel's files tell is bounded: sixty that name 250 kB each are not all told", async () => {
  const bomb = elfOf({ needed: Array.from({ length: 1000 }, () => "x".repeat(250)) });
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`demo/m${i}.so`, bomb]));
  const { segment } = await transcode(wheel(files));
  expect(segment.sharedObjects?.length).toBeGreaterThan(0);
  expect(JSON.stringify(segment.sharedObjects).length).toBeLessThan(10 << 20);
  expect(segment.entries.filter(({ path }) => path.endsWith(".so"))).toHaveLength(60);
});
