import { usageError } from "../../errors.ts";
import { inShell } from "./apply-run.ts";
import type { Warnings } from "./checks.ts";
import { formatDuration } from "./duration.ts";
import { plainList, quoteList } from "./go-text.ts";
import type { CommandInstruction, HealthcheckInstruction, InstructionHead, Text } from "./instructions.ts";
import { parsePorts } from "./ports.ts";
import type { StageState } from "./stage-state.ts";
import { type Surroundings, wordsOf } from "./surroundings.ts";

export function applyCommand(
  state: StageState,
  instruction: CommandInstruction & InstructionHead,
  { warnings }: Surroundings,
): void {
  const { kind, command, line, comments } = instruction;
  warnOfSecond(state, kind, instruction, warnings);
  if (command.kind === "shell" && (state.shell ?? []).length === 0) {
    const name = kind.toUpperCase();
    warnings.add(
      "JSONArgsRecommended",
      `${name} as a JSON array gets the signals that a shell keeps`,
      line,
      comments,
    );
  }
  const argv = command.kind === "exec" ? command.argv : inShell(state, command.text);
  if (kind === "cmd") state.cmd = argv;
  else {
    // An empty array takes the entrypoint away.
    state.entrypoint = argv.length === 0 ? undefined : argv;
    if (!state.lines.has("cmd")) state.cmd = undefined;
  }
  state.lines.set(kind, line);
  state.note(`${kind.toUpperCase()} ${quoteList(argv)}`);
}

export function applyHealthcheck(
  state: StageState,
  instruction: HealthcheckInstruction & InstructionHead,
  { warnings }: Surroundings,
): void {
  warnOfSecond(state, "healthcheck", instruction, warnings);
  state.lines.set("healthcheck", instruction.line);
  const check = instruction.healthcheck;
  state.healthcheck = check;
  const times = (["Interval", "Timeout", "StartPeriod", "StartInterval"] as const).map(
    (name) => `${name}:${formatDuration(check[name] ?? 0)}`,
  );
  state.note(`HEALTHCHECK {Test:${plainList(check.Test)} ${times.join(" ")} Retries:${check.Retries ?? 0}}`);
}

function warnOfSecond(
  state: StageState,
  kind: "cmd" | "entrypoint" | "healthcheck",
  { comments }: InstructionHead,
  warnings: Warnings,
): void {
  const before = state.lines.get(kind);
  if (before === undefined) return;
  const message = `a later ${kind.toUpperCase()} takes the place of this one`;
  warnings.add("MultipleInstructionsDisallowed", message, before, comments);
}

export function applyExpose(
  state: StageState,
  values: readonly Text[],
  head: InstructionHead,
  around: Surroundings,
): void {
  const all: string[] = [];
  for (const value of values) {
    for (const word of wordsOf(value, state, around)) {
      const parsed = parsePorts(word);
      if ("problem" in parsed) {
        throw usageError(
          "DOCKERFILE_SYNTAX",
          `${value.where}: EXPOSE ${JSON.stringify(word)}: ${parsed.problem}`,
          "Write 8000, 8000/udp or 8000-8010.",
        );
      }
      const { line, comments } = head;
      if (parsed.hasUpperCase) {
        around.warnings.add(
          "ExposeProtoCasing",
          `the protocol of ${word} is written in lower case`,
          line,
          comments,
        );
      }
      if (parsed.isMapped) {
        around.warnings.add(
          "ExposeInvalidFormat",
          `${word} has an address or a port of the host`,
          line,
          comments,
        );
      }
      all.push(...parsed.ports);
    }
  }
  for (const port of all) state.exposedPorts.add(port);
  state.note(`EXPOSE ${plainList(all)}`);
}
