import type { ValidationReport } from "../actions/results.ts";
import { formatBytes, formatCount } from "../report/format.ts";
import { printable } from "../report/printable.ts";
import type { Style } from "../report/style.ts";

/** Each problem on a line, then the verdict with what it rests on. */
export function validationLines(report: ValidationReport, style: Style): string[] {
  const { checked, problems } = report;
  const basis = [
    formatCount(checked.manifests, "manifest"),
    formatCount(checked.layers, "layer"),
    formatCount(checked.entries, "entry", "entries"),
    formatBytes(checked.bytes),
  ].join(", ");
  const verdict =
    problems.length === 0
      ? style.green("valid")
      : style.red(`invalid: ${formatCount(problems.length, "problem")}`);
  return [
    ...problems.map(
      (problem) => `${problem.code} ${printable(problem.where)}: ${printable(problem.message)}`,
    ),
    `${verdict} ${printable(report.source)} ${report.digest} (${basis})`,
  ];
}
