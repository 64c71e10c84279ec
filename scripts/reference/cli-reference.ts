import type { Command } from "commander";
import { createProgram } from "../../src/cli/program.ts";

/** `docs/reference/cli.md`: what `--help` says, for every command. */
export function cliReference(): string {
  const program = createProgram(async () => {
    // A reference runs nothing.
  });
  // The version would make every release a change of the reference.
  const sections = [program, ...descendants(program)].map(
    (command) => `## ${nameOf(command)}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
  );
  return `# Command line

Generated from the commands by \`npm run generate\`.

${sections.join("\n")}`;
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/** The whole help, the examples after it too, which only `outputHelp` writes. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text.trim();
}
