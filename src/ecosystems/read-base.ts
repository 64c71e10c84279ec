import type { ConfigDocument } from "../image/documents.ts";
import type { ImageTree } from "../image/image-tree.ts";
import type { WantedFiles } from "../layer/listing.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { type InstalledDeb, installedDebs, wantedStatus } from "./debian/installed.ts";
import { upstreamVersion } from "./debian/version.ts";
import type { Libc } from "./linux/libc.ts";
import { type LinuxRoot, readLinuxRoot, wantedOfRoot } from "./linux/root.ts";
import { type InstalledDistribution, installedIn } from "./python/base/installed.ts";
import { type BaseInterpreter, type BaseVenv, interpretersOf, venvsOf } from "./python/base/interpreters.ts";
import { wantedProgram } from "./python/base/program-facts.ts";

/** What an image that others made has, as far as building on it asks. */
export type Base = LinuxRoot & {
  /** The reference it was named by, for messages. */
  readonly where: string;
  readonly platform: Platform;
  /** The one that `python3` means first. */
  readonly interpreters: readonly BaseInterpreter[];
  readonly venvs: readonly BaseVenv[];
  /** Those that the first interpreter finds, environments on PATH before it. */
  readonly distributions: readonly InstalledDistribution[];
  readonly debs: readonly InstalledDeb[];
};

/** The small files that `readBase` reads; raise the number when one is added or kept otherwise. */
export const BASE_FILES: WantedFiles = {
  id: "base 1",
  keep: (path) => wantedOfRoot(path) ?? wantedStatus(path) ?? wantedProgram(path),
};

/**
 * Reads a base from its merged listings, for which `BASE_FILES` were kept, and its config.
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX` for a damaged status database.
 */
export function readBase(tree: ImageTree, config: ConfigDocument, platform: Platform, name: string): Base {
  const where = `base ${name} for ${formatPlatform(platform)}`;
  const env = new Map((config.config?.Env ?? []).map((line) => splitVariable(line)));
  const path = env.get("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const root = readLinuxRoot(tree, platform.architecture, env.get("LD_LIBRARY_PATH") ?? "");
  const debs = installedDebs(tree, platform.architecture, where);
  const interpreters = interpretersOf(tree, path, env.get("PYTHON_VERSION")).map((one) =>
    withDebVersion(one, debs),
  );
  const venvs = venvsOf(tree, path);
  const sites = [...venvs, ...interpreters.slice(0, 1)].flatMap(({ sitePackages }) => sitePackages);
  return {
    ...root,
    ...{ where, platform, libc: withDebLibc(root.libc, debs), interpreters, venvs },
    ...{ distributions: installedIn(tree, sites), debs },
  };
}

function splitVariable(line: string): [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

/** Debian's packages tell versions that the files may not. */
function withDebVersion(one: BaseInterpreter, debs: readonly InstalledDeb[]): BaseInterpreter {
  if (one.fullVersion !== undefined || one.scheme !== "posix_local") return one;
  const names = [`python${one.version}-minimal`, `python${one.version}`];
  const version = upstreamOf(names, debs);
  return version?.startsWith(`${one.version}.`) === true ? { ...one, fullVersion: version } : one;
}

function withDebLibc(libc: Libc | undefined, debs: readonly InstalledDeb[]): Libc | undefined {
  if (libc?.kind !== "glibc" || libc.version !== undefined) return libc;
  const match = /^(\d+)\.(\d+)/.exec(upstreamOf(["libc6"], debs) ?? "");
  return match === null ? libc : { ...libc, version: [Number(match[1]), Number(match[2])] };
}

function upstreamOf(names: readonly string[], debs: readonly InstalledDeb[]): string | undefined {
  const version = debs.find((deb) => names.includes(deb.name))?.version;
  return version === undefined ? undefined : upstreamVersion(version);
}
