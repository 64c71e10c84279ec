import { findCommand } from "../../scripts/tools.ts";

/**
 * Whether the tools of these names are here; `root` is a need too. For `describe.runIf(needs("runc", "root"))`.
 * What is missing fails the file in CI, where `npm run check` has brought all tools; elsewhere its tests are skipped,
 * with a line that says why.
 */
export function needs(...names: readonly string[]): boolean {
  const missing = names.filter((name) =>
    name === "root" ? process.getuid?.() !== 0 : findCommand(name) === undefined,
  );
  if (missing.length === 0) return true;
  const message = `needs ${missing.join(", ")}; \`node scripts/tools.ts\` brings tools, as root those of Debian too`;
  if (process.env.CI) throw new Error(message);
  console.warn(`skipped: ${message}`);
  return false;
}

/** The absolute path of a tool that `needs` has found. */
export function toolOf(name: string): string {
  const path = findCommand(name);
  if (path === undefined) throw new Error(`${name} is missing: ask needs() first`);
  return path;
}
