import { usageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { applyCopy } from "./apply-copy.ts";
import { applyRun, inShell } from "./apply-run.ts";
import type { Warnings } from "./checks.ts";
import { formatDuration } from "./duration.ts";
import { plainList, quoteList } from "./go-text.ts";
import type {
  ArgInstruction,
  CommandInstruction,
  HealthcheckInstruction,
  Instruction,
  InstructionHead,
  Pair,
  Text,
} from "./instructions.ts";
import { cleanPath, nextWorkdir } from "./paths.ts";
import { parsePorts } from "./ports.ts";
import { isSignal, SIGNAL_NAMES } from "./signals.ts";
import type { StageState } from "./stage-state.ts";
import { putIn, type Surroundings, wordsOf } from "./surroundings.ts";

/** Words that name a secret when they stand alone in a variable's name; and those that take that back. */
const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const NO_SECRET = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/**
 * Applies one instruction to its stage.
 * @throws CambiumError `DOCKERFILE_SYNTAX` or `DOCKERFILE_FLAG`, with line and column.
 */
export function apply(state: StageState, instruction: Instruction, around: Surroundings): void {
  const put = (text: Text) => putIn(text, state, instruction, around);
  switch (instruction.kind) {
    case "from":
      break;
    case "run":
      applyRun(state, instruction, around, put);
      break;
    case "copy":
      applyCopy(state, instruction, around, put);
      break;
    case "arg":
      applyArg(state, instruction, around);
      break;
    case "env": {
      const pairs = putPairs(instruction.pairs, instruction, put, around);
      for (const [name, value] of pairs) {
        checkSecret("ENV", name, instruction, around);
        state.setVariable(name, value);
        state.env.set(name, value);
      }
      state.note(`ENV${joined(pairs)}`);
      break;
    }
    case "label": {
      const pairs = putPairs(instruction.pairs, instruction, put, around);
      for (const [name, value] of pairs) state.labels.set(name, value);
      state.note(`LABEL${joined(pairs)}`);
      break;
    }
    case "cmd":
    case "entrypoint":
      applyCommand(state, instruction, around);
      break;
    case "healthcheck":
      applyHealthcheck(state, instruction, around);
      break;
    case "shell":
      state.shell = instruction.argv;
      state.note(`SHELL ${plainList(instruction.argv)}`);
      break;
    case "maintainer":
      around.warnings.add(
        "MaintainerDeprecated",
        "MAINTAINER is now LABEL maintainer=…",
        instruction.line,
        instruction.comments,
      );
      state.author = instruction.value.text;
      state.note(`MAINTAINER ${instruction.value.text}`);
      break;
    case "stopsignal": {
      const signal = put(instruction.value);
      assertSignal(signal, instruction.value.where);
      state.stopSignal = signal;
      state.note(`STOPSIGNAL ${signal}`);
      break;
    }
    case "user":
      state.user = put(instruction.value);
      state.note(`USER ${state.user}`);
      break;
    case "workdir":
      applyWorkdir(state, put(instruction.value), instruction, around);
      break;
    case "expose":
      applyExpose(state, instruction.values, instruction, around);
      break;
    case "volume": {
      const paths = instruction.values.map((value) => volumePath(put(value), value.where));
      for (const path of paths) state.volumes.add(path);
      state.note(`VOLUME ${plainList(paths)}`);
      break;
    }
    case "onbuild":
      state.onBuild.push(instruction.trigger);
  }
}

function putPairs(
  pairs: readonly Pair[],
  { written, line, comments }: InstructionHead,
  put: (text: Text) => string,
  { warnings }: Surroundings,
): readonly (readonly [name: string, value: string])[] {
  for (const { isLegacy } of pairs) {
    if (isLegacy)
      warnings.add(
        "LegacyKeyValueFormat",
        `${written} NAME=value is clearer than ${written} NAME value`,
        line,
        comments,
      );
  }
  return pairs.map(({ name, value }) => [put(name), put(value)] as const);
}

function joined(pairs: readonly (readonly [name: string, value: string])[]): string {
  return pairs.map(([name, value]) => ` ${name}=${value}`).join("");
}

/** An ARG's value: a build argument, else its default, else that of the ARG before FROM, or of a platform. */
function applyArg(
  state: StageState,
  instruction: ArgInstruction & InstructionHead,
  around: Surroundings,
): void {
  const texts: string[] = [];
  for (const { name, value: written } of instruction.args) {
    checkSecret("ARG", name, instruction, around);
    const given = around.buildArgs.get(name);
    const value =
      given ??
      (written === undefined ? around.globalArgs.get(name) : putIn(written, state, instruction, around));
    if (value !== undefined) state.setVariable(name, value);
    state.args.set(name, value ?? "");
    texts.push(value === undefined ? name : `${name}=${value}`);
  }
  state.note(`ARG ${texts.join(" ")}`);
}

function checkSecret(
  kind: string,
  name: string,
  { line, comments }: InstructionHead,
  { warnings }: Surroundings,
): void {
  if (SECRET.test(name) && !NO_SECRET.test(name)) {
    warnings.add(
      "SecretsUsedInArgOrEnv",
      `${kind} ${name} stays in the image; take a secret mount`,
      line,
      comments,
    );
  }
}

function applyCommand(
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

function applyHealthcheck(
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

function assertSignal(signal: string, where: string): void {
  if (isSignal(signal)) return;
  const near = nearest(signal.toUpperCase(), SIGNAL_NAMES);
  throw usageError(
    "DOCKERFILE_SYNTAX",
    `${where}: not a signal: ${JSON.stringify(signal)}`,
    near === undefined ? "Write a number or a name like SIGTERM." : `Did you mean ${near}?`,
  );
}

function applyWorkdir(
  state: StageState,
  path: string,
  { line, comments }: InstructionHead,
  { warnings }: Surroundings,
): void {
  if (!state.hasWorkdir && !path.startsWith("/")) {
    const message = `${JSON.stringify(path)} begins where the base's working directory is`;
    warnings.add("WorkdirRelativePath", message, line, comments);
  }
  state.hasWorkdir = true;
  state.workdir = nextWorkdir(state.workdir, path);
  const text = `WORKDIR ${state.workdir}`;
  if (state.workdir === "/") state.note(text);
  else state.steps.push({ op: "workdir", line, text, path: cleanPath(state.workdir), user: state.user });
}

function applyExpose(
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

function volumePath(path: string, where: string): string {
  if (path !== "") return path;
  throw usageError("DOCKERFILE_SYNTAX", `${where}: VOLUME: an empty path`);
}
