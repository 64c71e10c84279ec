import type { Command } from "commander";
import type { MountResult } from "../../actions/results.ts";
import { usageError } from "../../errors.ts";
import { formatAge, formatBytes, formatCount } from "../../report/format.ts";
import type { Act } from "../action.ts";
import { repeatable } from "../project-options.ts";
import { printJson, printLines, withSession } from "../session.ts";
import { parseAge, parseSize } from "../values.ts";

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
    const { name, id, project, sizeBytes, usedMs, isInUse } = mount;
    const used = isInUse ? "in use" : `used ${formatAge(now - usedMs)} ago`;
    const whose = id === undefined ? "records lost" : (project ?? "all projects");
    const facts = [
      formatBytes(sizeBytes).padStart(9),
      used.padEnd(14),
      `${id ?? "?"}${ownerOf(mount)}`,
      whose,
    ];
    return `${name}  ${facts.join("  ")}`;
  });
}

/** What differs from 0755 and root. */
function ownerOf({ owner }: MountResult): string {
  if (owner === undefined) return "";
  const { mode, uid, gid } = owner;
  const who = uid === 0 && gid === 0 ? [] : [`${uid}:${gid}`];
  const rights = mode === 0o755 ? [] : [mode.toString(8).padStart(4, "0")];
  return [...who, ...rights].map((part) => ` ${part}`).join("");
}
