import type { Step } from "../graph/stages.ts";

/**
 * An instruction as people wrote it: of what `docker history` shows, without the arguments and the shell in front of a
 * RUN's command, which are in its key by themselves.
 */
export function stepText(step: Step): string {
  const text = step.text.replace(/ # buildkit$/, "");
  if (step.op !== "run") return text;
  const commands = [step.argv.at(-1) ?? "", step.argv.join(" ")];
  const command = commands.find((one) => one !== "" && text.endsWith(one));
  return command === undefined ? text : `RUN ${command}`;
}
