import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { engineKinds, type ProjectSettings, type SessionSettings } from "../actions/settings.ts";
import { type ProgressMode, progressModes } from "../report/reporter.ts";
import { sourceDateEpochFrom } from "./environment.ts";
import { parseBase, parsePlatforms, parsePythonVersion, parseUrl } from "./values.ts";
import type { World } from "./world.ts";

export type ProjectOptions = {
  readonly file?: string;
  readonly platform?: readonly string[];
  readonly python?: string;
  readonly extra?: readonly string[];
  readonly group?: readonly string[];
  readonly bytecode?: boolean;
  readonly locked?: true;
  /** An empty text stands for `--upgrade` without a name. */
  readonly upgrade?: readonly string[];
  /** False for `--no-cache`; for `--no-cache=STAGE` the stages, where an empty text stands for none named. */
  readonly cache: boolean | readonly string[];
  readonly base?: string;
  readonly pull?: true;
  readonly debianMirror?: string;
  readonly defaultIndex?: string;
  readonly index?: readonly string[];
  readonly registryInsecure?: readonly string[];
  readonly progress?: ProgressMode;
  readonly jobs?: string;
};

/** An option that may stand several times; each use adds one text. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser(append);
}

export function append(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** The flags that say what is built, for which target and from where. */
export function addProjectOptions(command: Command): Command {
  return command
    .option(
      "-f, --file <file>",
      "cambium.yaml, a Dockerfile, a lock, a requirements file or a script (default: found in PATH)",
    )
    .addOption(repeatable("--platform <list>", "linux/amd64, linux/arm64, or both with a comma"))
    .option("--python <version>", "Python to build for, as in 3.11, where the project leaves it open")
    .addOption(repeatable("--extra <name>", "also install this extra of the project; repeatable"))
    .addOption(repeatable("--group <name>", "also install this dependency group; repeatable"))
    .option("--bytecode", "compile the modules of Python and its packages too (python: bytecode)")
    .option("--no-bytecode", "do not, whatever the project says")
    .option(
      "--base <image>",
      "image to build on, of a registry or oci-layout://FOLDER, instead of computed Debian",
    )
    .option("--pull", "look up the base again, whatever was chosen before")
    .option("--locked", "fail where the lock does not answer, instead of resolving")
    .option("--debian-mirror <url>", "where Debian packages come from (env: CAMBIUM_DEBIAN_MIRROR)")
    .option("--default-index <url>", "package index instead of the configured one")
    .addOption(repeatable("--index <url>", "further package index, asked first; repeatable"));
}

/** The flag begins as `true`, which stands for no such flag. */
export function addStageCacheOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--no-cache [stage]",
      "compute everything again, or with --no-cache=STAGE that stage of a Dockerfile; repeatable; verified downloads are still used",
    ).argParser((stage: string, before: true | readonly string[]) =>
      append(stage, before === true ? [] : before),
    ),
  );
}

function insecureRegistryOption(): Option {
  return repeatable("--registry-insecure <host>", "registry without TLS or a signed certificate; repeatable");
}

/** For commands that do no more than look at an image. */
export function addRegistryOption(command: Command): Command {
  return command.addOption(insecureRegistryOption());
}

export function addUpgradeOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--upgrade [name]",
      "forget earlier choices: all, or with --upgrade=NAME one; repeatable",
    ).argParser(append),
  );
}

/** `--load` alone arrives as `auto`. */
export function addLoadOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--load [engine]",
      "load into the container engine of this machine, or with --load=NAME into docker, podman or containerd",
    ).choices(["auto", ...engineKinds]),
  );
}

export function addSessionOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--progress <mode>", "how to tell what happens, on stderr")
        .choices(progressModes)
        .default("auto"),
    )
    .addOption(insecureRegistryOption())
    .option("-j, --jobs <n>", "upper bound for work done at once");
}

/** The flags that were given, as people write them. */
function flagsIn(options: ProjectOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (name === "cache") return Array.isArray(value) && !value.includes("") ? ["--no-cache=STAGE"] : [];
    return value === undefined
      ? []
      : [`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`];
  });
}

/**
 * Flags and environment as the library's final values; reads nothing from disk.
 * @param options those of them that say how a project is built
 */
export function projectSettings(
  world: World,
  session: SessionSettings,
  path: string,
  options: ProjectOptions,
): ProjectSettings {
  const mirror = options.debianMirror ?? world.env.CAMBIUM_DEBIAN_MIRROR;
  const epoch = sourceDateEpochFrom(world.env);
  return {
    ...session,
    flags: flagsIn(options),
    contextDir: resolve(world.cwd, path),
    ...(options.file === undefined ? {} : { file: resolve(world.cwd, options.file) }),
    platforms: parsePlatforms(options.platform ?? []),
    ...(options.python === undefined ? {} : { python: parsePythonVersion(options.python) }),
    extras: options.extra ?? [],
    groups: options.group ?? [],
    ...(options.bytecode === undefined ? {} : { bytecode: options.bytecode }),
    ...(mirror ? { debianMirror: parseUrl(mirror, "--debian-mirror") } : {}),
    ...(options.defaultIndex === undefined
      ? {}
      : { indexUrl: parseUrl(options.defaultIndex, "--default-index") }),
    extraIndexUrls: (options.index ?? []).map((url) => parseUrl(url, "--index")),
    ...(options.base === undefined ? {} : { base: parseBase(options.base, world.cwd) }),
    pull: options.pull === true,
    locked: options.locked === true,
    upgrade: upgradeFrom(options.upgrade),
    noCache: noCacheFrom(options.cache),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
}

function noCacheFrom(cache: ProjectOptions["cache"]): boolean | readonly string[] {
  if (typeof cache === "boolean") return !cache;
  return cache.includes("") || cache;
}

function upgradeFrom(names: readonly string[] | undefined): boolean | readonly string[] {
  if (names === undefined) return false;
  return names.includes("") ? true : names;
}
