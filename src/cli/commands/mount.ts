import { resolve } from "node:path";
import type { Command } from "commander";
import type { MountRestoreResult, MountResult, MountSnapshotResult } from "../../actions/results.ts";
import type { MountRestoreSettings } from "../../actions/settings.ts";
import { usageError } from "../../errors.ts";
import { formatAge, formatBytes, formatCount } from "../../report/format.ts";
import type { Act } from "../action.ts";
import { addSessionOptions, repeatable } from "../project-options.ts";
import { printJson, printLines, type SessionOptions, withSession } from "../session.ts";
import { parseAge, parseCount, parseMode, parseSize } from "../values.ts";
import type { World } from "../world.ts";

type SnapshotOptions = SessionOptions & {
  readonly tag?: readonly string[];
  readonly output?: string;
  readonly project?: string;
  readonly json?: true;
};

type RestoreOptions = SessionOptions & {
  readonly checksum?: string;
  readonly ifEmpty?: true;
  readonly project?: string;
  readonly mode?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly json?: true;
};

type PruneOptions = {
  readonly olderThan?: string;
  readonly maxSize?: string;
  readonly id?: readonly string[];
  readonly all?: true;
  readonly json?: true;
};

const DEFAULT_AGE = "7d";

export function defineMount(command: Command, act: Act): void {
  command.summary("look after cache mounts");
  defineSnapshot(command, act);
  defineRestore(command, act);
  command
    .command("ls")
    .summary("list cache mounts")
    .description("Lists the cache mounts of RUN --mount=type=cache, the one used last first.")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExamples:\n  $ cambium mount ls\n  $ cambium mount ls --json\n")
    .action((options: { readonly json?: true }) =>
      act((world) =>
        withSession(world, { progress: "plain" }, async (session) => {
          const list = await world.library.listMounts(session);
          if (options.json === true) printJson(world, list);
          else {
            printLines(world, [
              ...table(list.mounts, world.now()),
              `${formatCount(list.mounts.length, "cache mount")}, ${formatBytes(list.totalBytes)}`,
            ]);
          }
          return 0;
        }),
      ),
    );
  command
    .command("prune")
    .summary("remove cache mounts")
    .description(
      "Removes cache mounts, the least recently used first; builds that need them begin with empty ones.\n" +
        "Running builds keep what they use. Conditions go together; without any it takes what was not used for 7 days.",
    )
    .option("--older-than <time>", "only what was not used within this time, as in 12h, 7d, 2w")
    .option("--max-size <size>", "stop once all cache mounts take no more, as in 5GB")
    .addOption(repeatable("--id <id>", "only those of this id, or name; repeatable"))
    .option("--all", "all, however lately they were used")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  $ cambium mount prune\n  $ cambium mount prune --older-than 2w --max-size 5GB\n" +
        "  $ cambium mount prune --id /root/.cache/pip\n  $ cambium mount prune --all\n",
    )
    .action((options: PruneOptions) =>
      act((world) =>
        withSession(world, { progress: "plain" }, async (session) => {
          const result = await world.library.pruneMounts({ ...session, ...choiceOf(options) });
          if (options.json === true) printJson(world, result);
          else {
            const freed = `${formatCount(result.removed.length, "cache mount")}, ${formatBytes(result.freedBytes)}`;
            printLines(world, [
              ...table(result.removed, world.now()),
              `removed ${freed}; ${formatBytes(result.keptBytes)} kept`,
            ]);
          }
          return 0;
        }),
      ),
    );
}

function defineSnapshot(command: Command, act: Act): void {
  const snapshot = command
    .command("snapshot")
    .summary("make a cache mount an image")
    .description(
      "Pushes a cache mount as an image, or writes it as an image layout: whole the first time, then what changed since\n" +
        "as one more layer. Nobody may use the mount meanwhile.",
    )
    .argument("<id>", "its id, or its name in mount ls")
    .addOption(repeatable("-t, --tag <name>", "image to push it as; repeatable"))
    .option("-o, --output <folder>", "image layout to write it into")
    .option("--project <name>", "whose mount (default: the project here; env: CAMBIUM_PROJECT)")
    .option("--json", "print JSON");
  addSessionOptions(snapshot)
    .addHelpText(
      "after",
      "\nExamples:\n  $ cambium mount snapshot /root/.cache/pip -t registry.example/app/pip-cache\n" +
        "  $ cambium mount snapshot shared:ccache -o ccache-layout\n",
    )
    .action((id: string, options: SnapshotOptions) =>
      act((world) =>
        withSession(world, options, async (session) => {
          const result = await world.library.snapshotMount({
            ...session,
            ...named(id, options, world),
            tags: [...new Set(options.tag)],
            ...(options.output !== undefined && { dest: resolve(world.cwd, options.output) }),
          });
          if (options.json === true) printJson(world, result);
          else printLines(world, snapshotLines(result));
          return 0;
        }),
      ),
    );
}

function defineRestore(command: Command, act: Act): void {
  const restore = command
    .command("restore")
    .summary("fill a cache mount")
    .description(
      "Fills a cache mount, in place of what it has: from an image, such as a snapshot; ./FOLDER or oci-layout://FOLDER;\n" +
        "a git repository, as ADD has it; or the URL of a tar, plain or compressed, with its checksum.",
    )
    .argument("<id>", "its id, or its name in mount ls")
    .argument("<source>", "where its content is")
    .option("--checksum <digest>", "of the archive that a URL gives (sha256:…), or a repository's commit")
    .option("--if-empty", "leave a mount alone that has content")
    .option("--project <name>", "whose mount (default: the project here; env: CAMBIUM_PROJECT)")
    .option("--mode <octal>", "of a new mount's root, as in --mount (default: 0755)")
    .option("--uid <id>", "owner of a new mount's root")
    .option("--gid <id>", "group of a new mount's root")
    .option("--json", "print JSON");
  addSessionOptions(restore)
    .addHelpText(
      "after",
      "\nExamples:\n  $ cambium mount restore /root/.cache/pip registry.example/app/pip-cache\n" +
        "  $ cambium mount restore shared:ccache ./ccache-folder --if-empty\n" +
        "  $ cambium mount restore /root/.m2 https://example.org/m2.tar.zst --checksum sha256:…\n",
    )
    .action((id: string, source: string, options: RestoreOptions) =>
      act((world) =>
        withSession(world, options, async (session) => {
          const result = await world.library.restoreMount({
            ...session,
            ...named(id, options, world),
            source,
            ...(options.checksum !== undefined && { checksum: options.checksum }),
            onlyIfEmpty: options.ifEmpty === true,
            owner: ownerOption(options),
          });
          if (options.json === true) printJson(world, result);
          else printLines(world, [restoreLine(result)]);
          return 0;
        }),
      ),
    );
}

function named(id: string, { project }: { readonly project?: string }, world: World) {
  const whose = project ?? world.env.CAMBIUM_PROJECT;
  return { id, contextDir: world.cwd, ...(whose !== undefined && whose !== "" && { project: whose }) };
}

function ownerOption({ mode, uid, gid }: RestoreOptions): MountRestoreSettings["owner"] {
  return {
    ...(mode !== undefined && { mode: parseMode(mode, "--mode") }),
    ...(uid !== undefined && { uid: parseCount(uid, "--uid", 0) }),
    ...(gid !== undefined && { gid: parseCount(gid, "--gid", 0) }),
  };
}

function snapshotLines(result: MountSnapshotResult): string[] {
  const { name, id, digest, layers, sizeBytes, packed, packedBytes, leftOut, outputs } = result;
  const news = {
    whole: `packed whole, ${formatBytes(packedBytes)}`,
    changes: `packed what changed, ${formatBytes(packedBytes)}`,
    nothing: "nothing changed",
  }[packed];
  const holds = `${formatCount(layers, "layer")}, ${formatBytes(sizeBytes)}`;
  const what = "sockets, devices or names that no layer can hold";
  const lost = leftOut === 0 ? [] : [`left out: ${formatCount(leftOut, "path")} (${what})`];
  return [`${name}  ${id}  ${news}`, ...outputs.map(({ where }) => `${where}  ${digest}  ${holds}`), ...lost];
}

function restoreLine({ name, id, state, source, sizeBytes }: MountRestoreResult): string {
  const size = formatBytes(sizeBytes);
  if (state === "kept") return `${name}  ${id}  has content, ${size}; left as it is`;
  return `${name}  ${id}  restored from ${source}, ${size}`;
}

function choiceOf({ olderThan, maxSize, id, all }: PruneOptions) {
  const isBare = olderThan === undefined && maxSize === undefined && id === undefined;
  if (all === true && !isBare) {
    throw usageError(
      "MOUNT_PRUNE_ALL",
      "--all goes with no other condition",
      "Leave out --all, or the rest.",
    );
  }
  const age = olderThan ?? (isBare && all !== true ? DEFAULT_AGE : undefined);
  return {
    ...(age !== undefined && { olderThanMs: parseAge(age, "--older-than") }),
    ...(maxSize !== undefined && { maxBytes: parseSize(maxSize, "--max-size") }),
    ...(id !== undefined && { ids: id }),
  };
}

function table(mounts: readonly MountResult[], now: number): string[] {
  return mounts.map((mount) => {
    const { name, id, project, sizeBytes, usedMs, isInUse, snapshot } = mount;
    const used = isInUse ? "in use" : `used ${formatAge(now - usedMs)} ago`;
    const whose = id === undefined ? "records lost" : (project ?? "all projects");
    const facts = [
      formatBytes(sizeBytes).padStart(9),
      used.padEnd(14),
      `${id ?? "?"}${ownerOf(mount)}`,
      whose,
      ...(snapshot === undefined ? [] : [snapshotText(snapshot, now)]),
    ];
    return `${name}  ${facts.join("  ")}`;
  });
}

function snapshotText(
  { createdMs, layers, sizeBytes }: NonNullable<MountResult["snapshot"]>,
  now: number,
): string {
  return `snapshot of ${formatAge(now - createdMs)} ago, ${formatCount(layers, "layer")}, ${formatBytes(sizeBytes)}`;
}

/** What differs from 0755 and root. */
function ownerOf({ owner }: MountResult): string {
  if (owner === undefined) return "";
  const { mode, uid, gid } = owner;
  const who = uid === 0 && gid === 0 ? [] : [`${uid}:${gid}`];
  const rights = mode === 0o755 ? [] : [mode.toString(8).padStart(4, "0")];
  return [...who, ...rights].map((part) => ` ${part}`).join("");
}
