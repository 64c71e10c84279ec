import type { Command } from "commander";
import { formatBytes, formatCount } from "../../report/format.ts";
import type { Act } from "../action.ts";
import { printJson, printLines, withSession } from "../session.ts";
import { parseAge, parseSize } from "../values.ts";

type PruneOptions = { readonly unusedFor?: string; readonly maxSize?: string; readonly json?: true };

export function defineCache(command: Command, act: Act): void {
  command.summary("look after the store");
  command
    .command("du")
    .summary("what the store holds")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExamples:\n  $ cambium cache du\n")
    .action((options: { readonly json?: true }) =>
      act((world) =>
        withSession(world, { progress: "plain" }, async (session) => {
          const usage = await world.library.diskUsage(session);
          if (options.json === true) printJson(world, usage);
          else {
            const rows = usage.kinds.map((kind) => row(kind.name, kind.count, kind.sizeBytes));
            const count = usage.kinds.reduce((total, kind) => total + kind.count, 0);
            printLines(world, [usage.root, ...rows, row("total", count, usage.totalBytes)]);
          }
          return 0;
        }),
      ),
    );
  command
    .command("prune")
    .summary("remove what no image in the store needs")
    .description(
      "Removes archives and layers that no tagged image needs and that were not used for a day.\n" +
        "Running builds keep what they use. Cache mounts stay: see cambium mount prune.",
    )
    .option("--unused-for <time>", "keep what was used within this time (default: 1d), as in 12h, 7d, 2w")
    .option(
      "--max-size <size>",
      "stop once the store is this small, the least recently used going first, as in 20GB",
    )
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  $ cambium cache prune\n  $ cambium cache prune --unused-for 7d --max-size 20GB\n",
    )
    .action((options: PruneOptions) =>
      act((world) =>
        withSession(world, { progress: "plain" }, async (session) => {
          const { unusedFor, maxSize } = options;
          const result = await world.library.prune({
            ...session,
            ...(unusedFor === undefined ? {} : { keepUsedWithinMs: parseAge(unusedFor, "--unused-for") }),
            ...(maxSize === undefined ? {} : { maxBytes: parseSize(maxSize, "--max-size") }),
          });
          if (options.json === true) printJson(world, result);
          else {
            const removed = `removed ${formatCount(result.removedBlobs, "blob")}, ${formatBytes(result.freedBytes)}`;
            printLines(world, [`${removed}; ${formatBytes(result.keptBytes)} kept`]);
          }
          return 0;
        }),
      ),
    );
}

function row(name: string, count: number, sizeBytes: number): string {
  return `  ${name.padEnd(14)} ${String(count).padStart(8)} ${formatBytes(sizeBytes).padStart(10)}`;
}
