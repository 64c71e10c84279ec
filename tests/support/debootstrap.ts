import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join, normalize } from "node:path";
import { promisify } from "node:util";
import { closureOf } from "../../src/ecosystems/debian/closure.ts";
import type { Architecture, LockedDeb, Suite } from "../../src/ecosystems/debian/lock.ts";
import type { PackageTable } from "../../src/ecosystems/debian/package-table.ts";
import { openUniverse } from "../../src/ecosystems/debian/universe.ts";
import { type DebianWorkshop, download, tablesFor } from "./debian.ts";

/**
 * A tree that debootstrap's own minbase makes of the very versions that our lock chooses (suite, updates and security
 * together, which debootstrap alone cannot): from a small repository of our own. Needs root; takes 35 to 60 s.
 */
export async function debootstrapTree(
  workshop: DebianWorkshop,
  suite: Suite,
  architecture: Architecture,
  packages: readonly string[],
  root: string,
  repository: string,
): Promise<void> {
  const tables = await tablesFor(workshop, suite, architecture);
  const universe = openUniverse(tables, new Map());
  // debootstrap asks for usr-is-merged by itself where it is a package.
  const merged = universe.candidate("usr-is-merged") === undefined ? [] : ["usr-is-merged"];
  const roots = [...new Set([...merged, ...requiredNames(tables), "apt", ...packages])];
  const debs = closureOf(roots, universe, new Set(), suite);
  const paths = await download(workshop, debs);
  writeRepository(suite, architecture, debs, paths, repository);
  await using server = await serveFolder(repository);
  const include = `--include=${packages.join(",")}`;
  const options = ["--no-check-gpg", "--variant=minbase", `--arch=${architecture}`, include];
  await promisify(execFile)("debootstrap", [...options, suite, root, server.url], {
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 1 << 26,
  });
}

/** A folder over HTTP on the loopback: debootstrap cannot use `file:` from inside of its chroot. */
async function serveFolder(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    try {
      const path = normalize(decodeURIComponent(request.url ?? "/"));
      response.end(readFileSync(join(folder, path)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Names whose index line says `Priority: required`: what debootstrap's minbase begins with. */
function requiredNames(tables: readonly PackageTable[]): string[] {
  const lines = tables.flatMap((table) =>
    table.bytes
      .toString("latin1")
      .split("\n")
      .map((line) => line.split("\t")),
  );
  return lines.filter((columns) => columns[3] === "required").map(([name = ""]) => name);
}

function writeRepository(
  suite: Suite,
  architecture: Architecture,
  debs: readonly LockedDeb[],
  paths: readonly string[],
  repository: string,
): void {
  const folder = join(repository, "dists", suite, "main", `binary-${architecture}`);
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(repository, "pool"), { recursive: true });
  const stanzas = debs.map((deb, index) => {
    const path = paths[index] ?? "";
    const file = `pool/${basename(deb.path)}`;
    copyFileSync(path, join(repository, file));
    const control = execFileSync("dpkg-deb", ["--field", path], { encoding: "utf8" }).trimEnd();
    const md5 = createHash("md5").update(readFileSync(path)).digest("hex");
    return `${control}\nFilename: ${file}\nSize: ${deb.sizeBytes}\nMD5sum: ${md5}\nSHA256: ${deb.sha256.slice(7)}\n`;
  });
  // debootstrap takes a stanza when the empty line behind it comes.
  const index = stanzas.map((stanza) => `${stanza}\n`).join("");
  writeFileSync(join(folder, "Packages"), index);
  const sha256 = createHash("sha256").update(index).digest("hex");
  const release = [
    "Origin: test",
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Architectures: ${architecture}`,
    "Components: main",
    "SHA256:",
    ` ${sha256} ${Buffer.byteLength(index)} main/binary-${architecture}/Packages`,
    "",
  ];
  writeFileSync(join(repository, "dists", suite, "Release"), release.join("\n"));
}
