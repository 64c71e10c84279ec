import { usageError } from "../../errors.ts";
import { cleanPath, nextWorkdir } from "../../graph/paths.ts";
import { nearest } from "../../nearest.ts";
import { applyCopy } from "./apply-copy.ts";
import { applyRun } from "./apply-run.ts";
import { applyCommand, applyExpose, applyHealthcheck } from "./apply-settings.ts";
import { plainList } from "./go-text.ts";
import type { ArgInstruction, Instruction, InstructionHead, Pair, Text } from "./instructions.ts";
import { isSignal, SIGNAL_NAMES } from "./signals.ts";
import type { StageState } from "./stage-state.ts";
import { putIn, type Surroundings } from "./surroundings.ts";

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

function volumePath(path: string, where: string): string {
  if (path !== "") return path;
  throw usageError("DOCKERFILE_SYNTAX", `${where}: VOLUME: an empty path`);
}
