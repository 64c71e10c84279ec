import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/paths.ts";
import { openStore } from "../../src/store/store.ts";
import { cambium } from "./command.ts";

/** The smallest base with a Python; the same in all these tests, so that it is fetched once. */
export const baseYaml = "debian: { suite: trixie, variant: distroless }\n";

/** An image with a shell and Python, for steps that run in it. */
export const debianYaml = "debian: trixie\ncmd: [python3]\nenv: { PATH: /usr/local/bin:/usr/bin:/bin }\n";

const cache = join(root, ".cache", "test-store");
const keepMs = 3_600_000;

/** What a store that tests begin with has built. */
type Kind = { readonly name: string; readonly files: Readonly<Record<string, string>> };

// A spec with Python, though without any distribution: the suite depends on whether there is one.
const withVenv: Kind = {
  name: "base",
  files: { "cambium.yaml": `${baseYaml}python: pylock.toml\n`, "pylock.toml": pylockText([]) },
};
const withShell: Kind = { name: "debian", files: { "cambium.yaml": debianYaml } };

type Base = {
  readonly root: string;
  /** Its image as a layout, for amd64. */
  readonly layout: string;
  /** A `cambium.lock` that settles the base and leaves Python open. */
  readonly lock: string;
};

const opened = new Map<Kind, Promise<Base>>();

/**
 * A store that holds the base, made once per state of the source and never built into. What it is made from comes
 * from the host's mirror of Debian once, and later from the one before: no network then.
 */
export function baseStore(): Promise<Base> {
  return open(withVenv);
}

/** The same of `debianYaml`. */
export function debianStore(): Promise<Base> {
  return open(withShell);
}

function open(kind: Kind): Promise<Base> {
  const known = opened.get(kind) ?? openOnce(kind);
  opened.set(kind, known);
  return known;
}

async function openOnce(kind: Kind): Promise<Base> {
  const folder = join(cache, `${kind.name}-${sourceDigest()}`);
  const locks = openStore(join(cache, "locks"));
  try {
    await locks.exclusive(kind.name, async () => {
      if (!existsSync(folder)) await make(kind, folder);
    });
  } finally {
    locks.close();
  }
  return {
    root: join(folder, "store"),
    layout: join(folder, "layout"),
    lock: readFileSync(join(folder, "project", "cambium.lock"), "utf8"),
  };
}

async function make(kind: Kind, folder: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const earlier = readdirSync(cache).filter((name) => name.startsWith(`${kind.name}-`));
  const seed = earlier.map((name) => join(cache, name)).at(-1);
  // A lock that an earlier source wrote may be none for this one.
  const made =
    (await tryMake(kind, seed)) ?? (seed === undefined ? undefined : await tryMake(kind, undefined));
  if (made === undefined) throw new Error("no base for the tests");
  renameSync(made, folder);
  for (const name of earlier) {
    // A run that began before the source changed may still work with it.
    const path = join(cache, name);
    if (Date.now() - statSync(path).mtimeMs > keepMs) rmSync(path, { recursive: true, force: true });
  }
}

/** @returns a folder with project and store; undefined when the seed is of no use. */
async function tryMake({ files }: Kind, seed: string | undefined): Promise<string | undefined> {
  const folder = mkdtempSync(join(cache, ".new-"));
  const project = join(folder, "project");
  const store = join(folder, "store");
  mkdirSync(project);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
  if (seed !== undefined) {
    copyFileSync(join(seed, "project", "cambium.lock"), join(project, "cambium.lock"));
    copyStore(join(seed, "store"), store, { isForgetful: true });
  }
  const output = ["--platform", "linux/amd64", "-o", `type=oci,dest=${join(folder, "layout")}`];
  const build = ["build", project, "--locked", ...output];
  for (const args of [...(seed === undefined ? [["lock", project]] : []), build]) {
    const ran = await cambium(args, { store });
    if (ran.exitCode === 0) continue;
    rmSync(folder, { recursive: true, force: true });
    if (seed !== undefined) return undefined;
    throw new Error(`no base for the tests: cambium ${args[0]}\n${ran.stderr}`);
  }
  return folder;
}

/** What another source makes of the base may differ, also where no version says so while one is at work on it. */
function sourceDigest(): string {
  const hash = createHash("sha256");
  for (const path of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).sort()) {
    if (!path.endsWith(".ts") || path.endsWith(".test.ts")) continue;
    hash.update(`${path}\n`).update(readFileSync(join(root, "src", path)));
  }
  return hash.digest("hex").slice(0, 16);
}

export type CopyOptions = {
  /** Only the blobs, the debs among them: nothing is known, all is to be computed, and nothing to be fetched. */
  readonly isForgetful?: boolean;
};

/** A store of the test's own that has the base already. Blobs and segments are links on the same disk: nothing writes into one. */
export async function copyOfBaseStore(target: string, options: CopyOptions = {}): Promise<string> {
  copyStore((await baseStore()).root, target, options);
  return target;
}

export function copyStore(source: string, target: string, options: CopyOptions = {}): void {
  const wanted = options.isForgetful === true ? /^blobs-v1/ : /^(blobs-v1|segments-v1|records-v1)/;
  mkdirSync(target, { recursive: true });
  const isOtherDisk = statSync(target).dev !== statSync(source).dev;
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name);
    const part = from.slice(source.length + 1);
    if (!wanted.test(part)) continue;
    const to = join(target, part);
    if (entry.isDirectory()) mkdirSync(to, { recursive: true });
    else {
      mkdirSync(join(to, ".."), { recursive: true });
      if (part.startsWith("records-v1") || isOtherDisk) copyFileSync(from, to);
      else linkSync(from, to);
    }
  }
}

export type PylockWheel = {
  readonly name: string;
  readonly version: string;
  readonly url: string;
  readonly sha256: string;
  readonly size?: number;
};

/** A lock of exactly these wheels (PEP 751). */
export function pylockText(wheels: readonly PylockWheel[]): string {
  const head = 'lock-version = "1.0"\ncreated-by = "test"\n';
  if (wheels.length === 0) return `${head}packages = []\n`;
  const releases = Map.groupBy(wheels, ({ name, version }) => `name = "${name}"\nversion = "${version}"`);
  const packages = [...releases].map(([release, files]) => {
    const rows = files.map(
      ({ url, sha256, size }) =>
        `{ url = "${url}", ${size === undefined ? "" : `size = ${size}, `}hashes = { sha256 = "${sha256}" } }`,
    );
    return `\n[[packages]]\n${release}\nwheels = [${rows.join(", ")}]\n`;
  });
  return `${head}${packages.join("")}`;
}
