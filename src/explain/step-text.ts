import type { Step } from "../graph/stages.ts";

/**
 * An instruction as people wrote it: of what `docker history` shows, without the arguments and the shell in front of a
 * RUN's command, which are in its key by themselves.
 */
export function stepText(step: Step): string {
  const text = step.text.replace(/ # buildkit$/, "");
  if (step.op !== "run") return text;
  const { argv } = step;
  const command = argv.length > 1 && argv.at(-2) === "-c" ? argv.at(-1)! : argv.join(" ");
  return command !== "" && text.endsWith(command) ? `RUN ${command}` : text;
}
