import type { Healthcheck, RunStep } from "../../graph/stages.ts";
import type { Heredoc } from "./heredocs.ts";

/** Text of the file, variables not yet put in; `where` is its `Dockerfile:LINE:COLUMN`. */
export type Text = { readonly text: string; readonly where: string };

export type Pair = {
  readonly name: Text;
  readonly value: Text;
  /** `NAME value`, without `=`. */
  readonly isLegacy: boolean;
};

/** For a shell, or an argv as it is (the JSON form). */
export type Command =
  | { readonly kind: "shell"; readonly text: string }
  | { readonly kind: "exec"; readonly argv: readonly string[] };

export type CopySource =
  | ({ readonly kind: "path" } & Text)
  | { readonly kind: "heredoc"; readonly name: string; readonly body: Text; readonly isExpanded: boolean };

/** What stands before every instruction, whatever it is. */
export type InstructionHead = {
  readonly line: number;
  readonly where: string;
  /** The instruction's name as written. */
  readonly written: string;
  readonly comments: readonly string[];
};

export type FromInstruction = {
  readonly kind: "from";
  readonly base: Text;
  /** In lower case. */
  readonly name?: string;
  readonly nameAsWritten?: string;
  /** The word `as`, as written. */
  readonly as?: string;
  readonly platform?: Text;
};

export type ArgInstruction = {
  readonly kind: "arg";
  readonly args: readonly { readonly name: string; readonly value?: Text }[];
};

export type RunInstruction = {
  readonly kind: "run";
  readonly command: Command;
  readonly heredocs: readonly Heredoc[];
  /** The values of `--mount`, still to be expanded and read. */
  readonly mounts: readonly Text[];
  readonly network: RunStep["network"];
  readonly security: RunStep["security"];
};

export type CopyInstruction = {
  readonly kind: "copy";
  readonly isAdd: boolean;
  readonly from?: Text;
  readonly sources: readonly CopySource[];
  readonly destination: Text;
  readonly chown?: Text;
  readonly chmod?: Text;
  readonly checksum?: Text;
  readonly isLinked: boolean;
  readonly keepsParents: boolean;
  readonly exclude: readonly string[];
  readonly keepsGitFolder?: boolean;
  readonly isUnpacked?: boolean;
};

export type PairsInstruction = { readonly kind: "env" | "label"; readonly pairs: readonly Pair[] };
export type CommandInstruction = { readonly kind: "cmd" | "entrypoint"; readonly command: Command };
export type ShellInstruction = { readonly kind: "shell"; readonly argv: readonly string[] };
export type HealthcheckInstruction = { readonly kind: "healthcheck"; readonly healthcheck: Healthcheck };
export type ValueInstruction = {
  readonly kind: "maintainer" | "stopsignal" | "user" | "workdir";
  readonly value: Text;
};
export type ListInstruction = { readonly kind: "expose" | "volume"; readonly values: readonly Text[] };
export type OnBuildInstruction = { readonly kind: "onbuild"; readonly trigger: string };

export type InstructionBody =
  | FromInstruction
  | ArgInstruction
  | RunInstruction
  | CopyInstruction
  | PairsInstruction
  | CommandInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | ValueInstruction
  | ListInstruction
  | OnBuildInstruction;

export type Instruction = InstructionHead & InstructionBody;
