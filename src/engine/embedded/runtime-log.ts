/**
 * What a runtime says of its own failure, from its `--log-format json`: both runc and crun exit with 1 or 127 when they
 * fail themselves, as programs do, so only the log tells the two apart.
 */
export function runtimeFailures(log: string): string[] {
  return log.split("\n").flatMap(failureOf);
}

function failureOf(line: string): string[] {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return [];
  }
  if (typeof entry !== "object" || entry === null || !("level" in entry) || !("msg" in entry)) return [];
  return entry.level === "error" || entry.level === "fatal" ? [String(entry.msg)] : [];
}
