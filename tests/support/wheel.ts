import { createHash } from "node:crypto";
import { type ZipMember, type ZipOptions, zip } from "./zip.ts";

/** A file's content, or a member with all that a zip can say about it. */
export type WheelFile = string | Uint8Array | Omit<ZipMember, "name">;

export type WheelOptions = ZipOptions & {
  /** As in METADATA; the dist-info directory takes it with `-` for `_`. Default `demo`. */
  readonly name?: string;
  /** Default `1.0`. */
  readonly version?: string;
  /** Default one for `py3-none-any`. */
  readonly wheelFile?: string;
  /** Applied to every file that does not say otherwise. */
  readonly each?: Omit<ZipMember, "name" | "content">;
};

/** The file name that a wheel made with these options has. */
export function wheelFilename(options: WheelOptions = {}, tag = "py3-none-any"): string {
  return `${escaped(options)}-${tag}.whl`;
}

/**
 * A small real wheel: these files, then a dist-info with METADATA, WHEEL and a right RECORD, each unless `files` has it
 * already (keys starting with `@/` are below the dist-info). Same input, same bytes on one Node.
 */
export function wheel(files: Readonly<Record<string, WheelFile>>, options: WheelOptions = {}): Buffer {
  const info = `${escaped(options)}.dist-info`;
  const name = options.name ?? "demo";
  const all = new Map<string, WheelFile>();
  for (const [path, file] of Object.entries(files)) all.set(path.replace(/^@(?=\/)/, info), file);
  const add = (path: string, text: string) => {
    if (!all.has(`${info}/${path}`)) all.set(`${info}/${path}`, text);
  };
  add("METADATA", `Metadata-Version: 2.1\nName: ${name}\nVersion: ${options.version ?? "1.0"}\n`);
  add("WHEEL", options.wheelFile ?? "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
  add("RECORD", `${[...all].map(([path, file]) => row(path, file)).join("")}${info}/RECORD,,\n`);
  const members = [...all].map(([path, file]): ZipMember => {
    const own = typeof file === "string" || file instanceof Uint8Array ? { content: file } : file;
    return { ...options.each, name: path, ...own };
  });
  return zip(members, options);
}

function escaped(options: WheelOptions): string {
  return `${(options.name ?? "demo").replaceAll("-", "_")}-${options.version ?? "1.0"}`;
}

function row(path: string, file: WheelFile): string {
  if (path.endsWith("/")) return "";
  const content = typeof file === "string" || file instanceof Uint8Array ? file : (file.content ?? "");
  const bytes = Buffer.from(content);
  const digest = createHash("sha256").update(bytes).digest("base64url");
  return `${/[",]/.test(path) ? `"${path.replaceAll('"', '""')}"` : path},sha256=${digest},${bytes.length}\n`;
}
