import { bringTools, findCommand } from "../scripts/tools.ts";
import type { Bench } from "./result.ts";

/** What the report names the versions of. */
const ALWAYS = ["gzip", "tar", "unzip"];

/**
 * Brings the tools that these benches need, as far as they may be installed here; `say` tells what takes time.
 * @returns one line on what is missing then, and how to get it; undefined when nothing is.
 */
export async function bringNeeded(
  benches: readonly Bench[],
  say: (line: string) => void,
): Promise<string | undefined> {
  const wanted = new Set([...ALWAYS, ...benches.flatMap(({ needs = [] }) => needs)]);
  const missing = () => [...wanted].filter(isMissing);
  if (missing().length === 0) return undefined;
  // Nothing is built for two minutes for who has to come again as root.
  const reports = missing().includes("root") ? [] : await bringTools(say, wanted);
  const texts = missing().map((name) => {
    if (name === "root") return "root: run it as root";
    const note = reports.find((report) => report.name === name)?.note;
    return `${name}${note === undefined ? "" : ` (${note})`}`;
  });
  return texts.length === 0 ? undefined : `not here, and needed: ${texts.join(", ")}`;
}

function isMissing(name: string): boolean {
  return name === "root" ? process.getuid?.() !== 0 : findCommand(name) === undefined;
}
