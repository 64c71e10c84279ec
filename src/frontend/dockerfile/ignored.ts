import { askRulesAlone, type IgnoreRule } from "../../context/docker-ignore.ts";
import { sourcePath } from "../../graph/paths.ts";

/** What leaves out all there is. */
const EVERYTHING: readonly string[] = ["*", "**", "**/*"];

/**
 * Whether the ignore rules leave nothing of what COPY or ADD asks of the build context. Rules with `!` are not judged:
 * what they take back is known when files are.
 */
export function isIgnored(source: string, rules: readonly IgnoreRule[]): boolean {
  if (rules.some((rule) => rule.isNegated)) return false;
  const path = sourcePath(source);
  if (path === ".") return rules.some(({ glob }) => EVERYTHING.includes(glob.pattern));
  return askRulesAlone(rules, path).verdict === "excluded";
}
