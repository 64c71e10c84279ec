import type { Command } from "commander";
import type { KindUsage, RemotePruneResult, RemoteUsage } from "../../actions/results.ts";
import { usageError } from "../../errors.ts";
import { formatBytes, formatCount } from "../../report/format.ts";
import type { Act } from "../action.ts";
import { cacheFrom } from "../cache-flags.ts";
import { printJson, printLines, withSession } from "../session.ts";
import { parseAge, parseCount, parseSize } from "../values.ts";

type UsageOptions = { readonly remote?: string; readonly json?: true };

type PruneOptions = {
  readonly unusedFor?: string;
  readonly maxSize?: string;
  readonly keepLast?: string;
  readonly tagged?: true;
  readonly dryRun?: true;
  readonly remote?: string;
  readonly json?: true;
};

export function defineCache(command: Command, act: Act): void {
  command.summary("look after the store");
  command
    .command("du")
    .summary("what the store holds")
    .description(
      "Shows what each kind of content takes, and of that what tagged images need (tagged), what running builds may\n" +
        "need (in use), and the rest (free), which cambium cache prune --unused-for 0m would take.",
    )
    .option("--remote <place>", "show what a registry's repository, or a ./folder, holds")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  $ cambium cache du\n  $ cambium cache du --json\n  $ cambium cache du --remote registry.example/app\n",
    )
    .action((options: UsageOptions) =>
      act((world) =>
        withSession(world, { progress: "plain" }, async (session) => {
          if (options.remote !== undefined) {
            const { place } = cacheFrom(options.remote, world.cwd);
            const usage = await world.library.remoteUsage({ ...session, place });
            if (options.json === true) printJson(world, usage);
            else printLines(world, usageLines(usage));
            return 0;
          }
          const usage = await world.library.diskUsage(session);
          if (options.json === true) printJson(world, usage);
          else {
            const there = usage.kinds.filter(({ count }) => count > 0);
            printLines(world, [usage.root, HEAD, ...[...there, totalOf(there)].map(row)]);
          }
          return 0;
        }),
      ),
    );
  command
    .command("prune")
    .summary("remove what no image in the store needs")
    .description(
      "Removes what no tagged image needs and nothing used for a day, the least recently used first: packages,\n" +
        "layers, records. Running builds keep what they may come to use. Conditions go together. What was chosen\n" +
        "(versions, images) is kept for 90 days. Cache mounts stay: see cambium mount prune.",
    )
    .option(
      "--unused-for <time>",
      "keep what was used within this time (default: 1d), as in 12h, 7d, 2w; 0m keeps nothing",
    )
    .option("--max-size <size>", "stop once the store is this small, as in 20GB")
    .option("--keep-last <n>", "keep all that the last n images of each project need")
    .option("--tagged", "take tagged images too, names and all, when they were not used for as long")
    .option(
      "--remote <place>",
      "remove from a registry's repository, or a ./folder, what no image there needs",
    )
    .option("--dry-run", "only say what would go")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  $ cambium cache prune\n  $ cambium cache prune --unused-for 7d --max-size 20GB\n" +
        "  $ cambium cache prune --unused-for 0m --keep-last 3 --dry-run\n  $ cambium cache prune --tagged --unused-for 4w\n" +
        "  $ cambium cache prune --remote registry.example/app --keep-last 20\n",
    )
    .action((options: PruneOptions) =>
      act((world) =>
        withSession(world, { progress: "plain" }, async (session) => {
          if (options.remote !== undefined) {
            const pruned = await world.library.pruneRemote({
              ...session,
              ...remoteChoice(options, world.cwd),
            });
            if (options.json === true) printJson(world, pruned);
            else printLines(world, remoteLines(pruned));
            return 0;
          }
          const { unusedFor, maxSize, keepLast, tagged, dryRun } = options;
          const result = await world.library.prune({
            ...session,
            ...(unusedFor !== undefined && { keepUsedWithinMs: parseAge(unusedFor, "--unused-for") }),
            ...(maxSize !== undefined && { maxBytes: parseSize(maxSize, "--max-size") }),
            ...(keepLast !== undefined && { keepLast: parseCount(keepLast, "--keep-last", 1) }),
            ...{ takesTagged: tagged === true, isDryRun: dryRun === true },
          });
          if (options.json === true) printJson(world, result);
          else {
            const rows = result.removed.map(({ name, count, sizeBytes }) => cells(name, count, [sizeBytes]));
            const verb = result.isDryRun ? "would remove" : "removed";
            const sum = `${verb} ${formatBytes(result.freedBytes)}; ${formatBytes(result.keptBytes)} kept`;
            printLines(world, [...rows, sum]);
          }
          return 0;
        }),
      ),
    );
}

function remoteChoice(
  { remote = "", unusedFor, maxSize, keepLast, tagged, dryRun }: PruneOptions,
  cwd: string,
) {
  if (maxSize !== undefined || tagged === true) {
    throw usageError(
      "CACHE_PRUNE_REMOTE",
      `--remote does not go with ${tagged === true ? "--tagged" : "--max-size"}`,
      "Say --keep-last or --unused-for.",
    );
  }
  return {
    place: cacheFrom(remote, cwd).place,
    ...(unusedFor !== undefined && { keepUsedWithinMs: parseAge(unusedFor, "--unused-for") }),
    ...(keepLast !== undefined && { keepLast: parseCount(keepLast, "--keep-last", 0) }),
    isDryRun: dryRun === true,
  };
}

function remoteLines({ where, isDryRun, removed, keptTags }: RemotePruneResult): string[] {
  const count = Object.values(removed).reduce((sum, one) => sum + one, 0);
  const kinds = Object.entries(removed).map(([kind, of]) => `  ${kind.padEnd(14)} ${String(of).padStart(6)}`);
  const verb = isDryRun ? "would remove" : "removed";
  return [where, ...kinds, `${verb} ${formatCount(count, "tag")}; ${keptTags} kept`];
}

function usageLines({ where, totalBytes, kinds }: RemoteUsage): string[] {
  const count = kinds.reduce((sum, kind) => sum + kind.count, 0);
  const rows = [...kinds, { name: "total", count, sizeBytes: totalBytes }];
  const head = `  ${"".padEnd(22)} ${"tags".padStart(7)}${"size".padStart(11)}`;
  return [where, head, ...rows.map(({ name, count: of, sizeBytes }) => cells(name, of, [sizeBytes]))];
}

const COLUMNS = ["size", "tagged", "in use", "free"] as const;
const HEAD = `  ${"".padEnd(22)} ${"count".padStart(7)}${COLUMNS.map((name) => name.padStart(11)).join("")}`;

function row({ name, count, sizeBytes, taggedBytes, inUseBytes, freeBytes }: KindUsage): string {
  return cells(name, count, [sizeBytes, taggedBytes, inUseBytes, freeBytes]);
}

function cells(name: string, count: number, sizes: readonly number[]): string {
  const texts = sizes.map((size) => (size === 0 ? "-" : formatBytes(size)).padStart(11));
  return `  ${name.padEnd(22)} ${String(count).padStart(7)}${texts.join("")}`;
}

function totalOf(kinds: readonly KindUsage[]): KindUsage {
  const sum = (of: (kind: KindUsage) => number) => kinds.reduce((total, kind) => total + of(kind), 0);
  return {
    ...{ name: "total", count: sum(({ count }) => count), sizeBytes: sum(({ sizeBytes }) => sizeBytes) },
    taggedBytes: sum(({ taggedBytes }) => taggedBytes),
    inUseBytes: sum(({ inUseBytes }) => inUseBytes),
    freeBytes: sum(({ freeBytes }) => freeBytes),
  };
}
