import type { TarEntry } from "../layer/read-tar.ts";

/** A package found in a layer; `sizeBytes` is the uncompressed size of its files there. */
export type FoundPackage = {
  readonly ecosystem: "python" | "debian";
  readonly name: string;
  readonly version: string;
  readonly sizeBytes: number;
};

export type LayerContents = {
  readonly entries: number;
  readonly files: number;
  /** Sum of the files' sizes, uncompressed. */
  readonly sizeBytes: number;
  readonly packages: readonly FoundPackage[];
  /** Files that no package found here claims. */
  readonly otherFiles: number;
};

type Claim = {
  readonly ecosystem: FoundPackage["ecosystem"];
  name: string;
  version: string;
  paths: readonly string[];
};

const STATUS = /^var\/lib\/dpkg\/status\.d\/([^/]+)$/;
const DIST_INFO = /^(.*)\/([^/]+\.dist-info)\/(METADATA|RECORD)$/;
const SITE = /(?:site|dist)-packages$/;
const MD5SUMS = ".md5sums";
/** Metadata beyond this is not read: the largest RECORDs known have some 4 MiB. */
const MAX_METADATA_BYTES = 32 * 2 ** 20;

/** Lists a layer's packages by what they leave behind: `.dist-info` of Python, `status.d` of Debian. */
export async function readContents(entries: AsyncIterable<TarEntry>): Promise<LayerContents> {
  const claims = new Map<string, Claim>();
  const sizes = new Map<string, number>();
  let count = 0;
  for await (const entry of entries) {
    count += 1;
    if (entry.type !== "file") continue;
    sizes.set(entry.path, entry.size);
    if (entry.size <= MAX_METADATA_BYTES) await claim(entry, claims);
  }
  const packages: FoundPackage[] = [];
  const claimed = new Set<string>();
  for (const { ecosystem, name, version, paths } of claims.values()) {
    if (name === "") continue;
    let sizeBytes = 0;
    for (const path of paths) {
      // A file that two packages name counts for the first.
      if (claimed.has(path) || !sizes.has(path)) continue;
      claimed.add(path);
      sizeBytes += sizes.get(path)!;
    }
    packages.push({ ecosystem, name, version, sizeBytes });
  }
  packages.sort((a, b) => order(a.ecosystem, b.ecosystem) || order(a.name, b.name));
  let total = 0;
  for (const size of sizes.values()) total += size;
  return {
    entries: count,
    files: sizes.size,
    sizeBytes: total,
    packages,
    otherFiles: sizes.size - claimed.size,
  };
}

async function claim(entry: TarEntry, claims: Map<string, Claim>): Promise<void> {
  const status = STATUS.exec(entry.path)?.[1];
  const python = DIST_INFO.exec(entry.path);
  if (status !== undefined) claimDebian(status, entry.path, await textOf(entry), claims);
  // Vendored dist-info lies deeper than site-packages and is no distribution of its own.
  else if (python !== null && SITE.test(python[1]!)) {
    claimPython(python[1]!, python[2]!, python[3]!, await textOf(entry), claims);
  }
}

function claimDebian(file: string, path: string, text: string, claims: Map<string, Claim>): void {
  const isSums = file.endsWith(MD5SUMS);
  const found = claimOf(claims, "debian", isSums ? file.slice(0, -MD5SUMS.length) : file);
  const paths = isSums ? text.split("\n").map((line) => line.slice(34).replace(/^\.?\//, "")) : [];
  found.paths = [...found.paths, path, ...paths];
  if (isSums) return;
  found.name = field(text, "Package");
  found.version = field(text, "Version");
}

function claimPython(
  site: string,
  folder: string,
  file: string,
  text: string,
  claims: Map<string, Claim>,
): void {
  const found = claimOf(claims, "python", `${site}/${folder}`);
  if (file === "METADATA") {
    found.name = field(text, "Name");
    found.version = field(text, "Version");
  } else {
    found.paths = text.split(/\r?\n/).map((line) => insideRoot(site, firstCell(line)));
  }
}

function claimOf(claims: Map<string, Claim>, ecosystem: Claim["ecosystem"], key: string): Claim {
  const full = `${ecosystem} ${key}`;
  const found = claims.get(full) ?? { ecosystem, name: "", version: "", paths: [] };
  claims.set(full, found);
  return found;
}

/** A header field before the first empty line: core metadata and deb822 agree that far. */
function field(text: string, name: string): string {
  const end = text.search(/\r?\n\r?\n/);
  const head = end === -1 ? text : text.slice(0, end);
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, "im").exec(head)?.[1] ?? "";
}

/** The path of a RECORD line: CSV, quoted when it has a comma or a quote. */
function firstCell(line: string): string {
  const quoted = /^"((?:[^"]|"")*)"/.exec(line);
  return quoted === null ? line.slice(0, Math.max(0, line.indexOf(","))) : quoted[1]!.replaceAll('""', '"');
}

function insideRoot(site: string, relative: string): string {
  const parts = relative.startsWith("/") ? [] : site.split("/");
  for (const part of relative.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

async function textOf(entry: TarEntry): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry.content()) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
