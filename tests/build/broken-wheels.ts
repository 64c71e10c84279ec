import { type WheelFile, wheel } from "../support/wheel.ts";
import { type ZipMember, zip } from "../support/zip.ts";

const files: Readonly<Record<string, WheelFile>> = {
  "demo/__init__.py": "answer = 42\n",
  "demo/data.txt": "a line of data that deflates\n".repeat(400),
};

/** What every broken one below is a variation of. */
export const goodWheel = wheel(files);

/** `quotes`: what the message must name of what is wrong. */
export type BrokenWheel = {
  readonly name: string;
  readonly bytes: Buffer;
  readonly code: string;
  readonly quotes: string;
};

const info = "demo-1.0.dist-info";
const middle = Math.floor(goodWheel.length / 2);

/** Wheels that are what their lock says, byte by byte, and still must not become an image. */
export const brokenWheels: readonly BrokenWheel[] = [
  {
    name: "one whose file ends half way",
    bytes: goodWheel.subarray(0, middle),
    code: "ARCHIVE_TRUNCATED",
    quotes: "demo-1.0-py3-none-any.whl",
  },
  {
    name: "one with a damaged payload",
    bytes: damaged(),
    code: "DEFLATE_INVALID",
    quotes: "demo/data.txt",
  },
  {
    name: "one that is no zip",
    bytes: Buffer.from("<html>please log in</html>"),
    code: "ARCHIVE_TRUNCATED",
    quotes: "demo-1.0-py3-none-any.whl",
  },
  {
    name: "one that climbs out with ..",
    bytes: wheel({ ...files, "../../evil.pth": "import os\n" }),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "../../evil.pth",
  },
  {
    name: "one that climbs out of its .data folder",
    bytes: wheel({ ...files, "demo-1.0.data/scripts/../../../evil": "#!python\n" }),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "../../../evil",
  },
  {
    name: "one with an absolute name",
    bytes: wheel({ ...files, "/etc/cron.d/evil": "* * * * * root true\n" }),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "/etc/cron.d/evil",
  },
  {
    name: "one with a name twice",
    bytes: zip([
      { name: "demo/__init__.py", content: "answer = 42\n" },
      { name: "demo/__init__.py", content: "answer = 43\n" },
      { name: `${info}/METADATA`, content: "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n" },
      {
        name: `${info}/WHEEL`,
        content: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
      },
      { name: `${info}/RECORD`, content: "" },
    ]),
    code: "ARCHIVE_DUPLICATE",
    quotes: "demo/__init__.py",
  },
  {
    name: "one with a symbolic link",
    bytes: wheel({ ...files, "demo/link": { content: "/etc/passwd", mode: 0o120777 } }),
    code: "ARCHIVE_LINK",
    quotes: "demo/link",
  },
  {
    name: "one whose local header has another name than its directory",
    bytes: wheel({ ...files, "demo/seen.py": { content: "x = 1\n", local: { name: "demo/hide.py" } } }),
    code: "ARCHIVE_HEADER_MISMATCH",
    quotes: "demo/seen.py",
  },
  {
    name: "one whose local header has another size than its directory",
    bytes: wheel({ ...files, "demo/seen.py": { content: "x = 1\n", local: { sizeBytes: 7 } } }),
    code: "ARCHIVE_HEADER_MISMATCH",
    quotes: "demo/seen.py",
  },
  {
    name: "a bomb that declares more than its bytes can hold",
    bytes: wheel({
      ...files,
      "demo/bomb": { content: "", compressed: Buffer.alloc(9), ...declared(2 ** 31) },
    }),
    code: "ARCHIVE_HEADER_MISMATCH",
    quotes: "demo/bomb",
  },
  {
    name: "a bomb that unpacks to a thousand times its size",
    bytes: wheel({
      ...files,
      "demo/bomb": { content: "", compressed: Buffer.alloc(3 << 20), ...declared(3 * 2 ** 30) },
    }),
    code: "ARCHIVE_LIMIT",
    quotes: "bytes of content; at most",
  },
  {
    name: "a bomb that lies about its size",
    bytes: wheel({
      ...files,
      "demo/bomb": { content: Buffer.alloc(4 << 20), local: { sizeBytes: 10 }, central: { sizeBytes: 10 } },
    }),
    code: "SIZE_INVALID",
    quotes: "demo/bomb",
  },
  {
    name: "one whose dist-info is another project's",
    bytes: wheel(files, { name: "other" }),
    code: "WHEEL_DIST_INFO",
    quotes: "other",
  },
  {
    name: "one without a dist-info",
    bytes: zip([{ name: "demo/__init__.py", content: "answer = 42\n" }]),
    code: "WHEEL_DIST_INFO",
    quotes: "dist-info",
  },
  {
    name: "one of another version inside",
    bytes: wheel({ ...files, "@/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 2.0\n" }),
    code: "WHEEL_METADATA",
    quotes: "2.0",
  },
  {
    name: "one whose members overlap, so that a few bytes are many files",
    bytes: wheel({
      ...files,
      "demo/more.txt": { content: "", central: { offset: 0 } },
    }),
    code: "ARCHIVE_HEADER_MISMATCH",
    quotes: "demo/more.txt",
  },
];

/** The payload of `demo/data.txt` with some bits turned over; headers and directory stay. */
function damaged(): Buffer {
  const bytes = Buffer.from(goodWheel);
  const at = bytes.indexOf("demo/data.txt") + "demo/data.txt".length + 20;
  for (let offset = 0; offset < 8; offset++) bytes[at + offset]! ^= 0x5a;
  return bytes;
}

/** Both headers say so many bytes. */
function declared(sizeBytes: number): Pick<ZipMember, "local" | "central"> {
  return { local: { sizeBytes }, central: { sizeBytes } };
}
