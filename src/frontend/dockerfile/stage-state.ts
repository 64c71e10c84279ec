import type { Healthcheck, Stage, StageConfig, Step } from "../../graph/stages.ts";
import type { ConfigDocument } from "../../image/documents.ts";
import { DEFAULT_PATH } from "../../image/inherit.ts";
import type { Platform } from "../../platform.ts";

/** A stage while its instructions are applied, one after the other. */
export class StageState {
  readonly platform: Platform;
  /** What variables are, here and in RUN: ENV and ARG, in the order of their last setting. */
  readonly variables = new Map<string, string>();
  /** ARGs that were declared, in the order of their first declaration, for the history. */
  readonly args = new Map<string, string>();
  readonly env = new Map<string, string>();
  readonly labels = new Map<string, string>();
  readonly exposedPorts = new Set<string>();
  readonly volumes = new Set<string>();
  readonly onBuild: string[] = [];
  readonly steps: Step[] = [];
  workdir = "";
  user = "";
  entrypoint: readonly string[] | undefined;
  cmd: readonly string[] | undefined;
  stopSignal: string | undefined;
  healthcheck: Healthcheck | undefined;
  shell: readonly string[] | undefined;
  author: string | undefined;
  /** A WORKDIR of this file stands already. */
  hasWorkdir = false;
  /** Where CMD, ENTRYPOINT and HEALTHCHECK of this stage stand, for those that the file has. */
  readonly lines = new Map<"cmd" | "entrypoint" | "healthcheck", number>();
  readonly #emptyHistory: { readonly beforeStep: number; readonly text: string }[] = [];

  private constructor(platform: Platform) {
    this.platform = platform;
  }

  static onScratch(platform: Platform): StageState {
    const state = new StageState(platform);
    state.workdir = "/";
    state.#begin();
    return state;
  }

  static onImage(
    platform: Platform,
    config: ConfigDocument["config"],
    author: string | undefined,
  ): StageState {
    const state = new StageState(platform);
    for (const variable of config?.Env ?? []) {
      const equals = variable.indexOf("=");
      state.env.set(variable.slice(0, equals), variable.slice(equals + 1));
    }
    for (const [name, value] of Object.entries(config?.Labels ?? {})) state.labels.set(name, value);
    for (const port of Object.keys(config?.ExposedPorts ?? {})) state.exposedPorts.add(port);
    for (const path of Object.keys(config?.Volumes ?? {})) state.volumes.add(path);
    state.workdir = config?.WorkingDir ?? "";
    state.user = config?.User ?? "";
    state.entrypoint = config?.Entrypoint ?? undefined;
    state.cmd = config?.Cmd ?? undefined;
    state.stopSignal = config?.StopSignal || undefined;
    state.healthcheck = (config?.Healthcheck as Healthcheck | null | undefined) ?? undefined;
    state.shell = config?.Shell ?? undefined;
    state.author = author;
    state.#begin();
    return state;
  }

  /** Triggers are not handed on, and ARGs are, as in BuildKit. */
  static onStage(base: StageState): StageState {
    const state = new StageState(base.platform);
    copyInto(state.variables, base.variables);
    copyInto(state.args, base.args);
    copyInto(state.env, base.env);
    copyInto(state.labels, base.labels);
    for (const port of base.exposedPorts) state.exposedPorts.add(port);
    for (const path of base.volumes) state.volumes.add(path);
    state.workdir = base.workdir;
    state.user = base.user;
    state.entrypoint = base.entrypoint;
    state.cmd = base.cmd;
    state.stopSignal = base.stopSignal;
    state.healthcheck = base.healthcheck;
    state.shell = base.shell;
    state.author = base.author;
    state.hasWorkdir = base.hasWorkdir;
    state.#begin();
    return state;
  }

  /** What the config says of the environment counts more than an ARG of the base. */
  #begin(): void {
    if (!this.env.has("PATH")) this.env.set("PATH", DEFAULT_PATH);
    for (const [name, value] of this.env) this.setVariable(name, value);
  }

  setVariable(name: string, value: string): void {
    this.variables.delete(name);
    this.variables.set(name, value);
  }

  /** Where relative paths begin. */
  get folder(): string {
    return this.workdir === "" ? "/" : this.workdir;
  }

  /** An instruction that changed no file. */
  note(text: string): void {
    this.#emptyHistory.push({ beforeStep: this.steps.length, text });
  }

  toStage(name: string, base: Stage["base"]): Stage {
    return { name, platform: this.platform, base, steps: this.steps, config: this.#config() };
  }

  #config(): StageConfig {
    return {
      env: [...this.env],
      ...(this.workdir !== "" && { workdir: this.workdir }),
      ...(this.user !== "" && { user: this.user }),
      ...(this.entrypoint !== undefined && { entrypoint: this.entrypoint }),
      ...(this.cmd !== undefined && { cmd: this.cmd }),
      labels: Object.fromEntries(this.labels),
      exposedPorts: [...this.exposedPorts],
      volumes: [...this.volumes],
      ...(this.stopSignal !== undefined && { stopSignal: this.stopSignal }),
      ...(this.healthcheck !== undefined && { healthcheck: this.healthcheck }),
      ...(this.shell !== undefined && { shell: this.shell }),
      ...(this.author !== undefined && { author: this.author }),
      onBuild: this.onBuild,
      emptyHistory: this.#emptyHistory,
    };
  }
}

function copyInto(to: Map<string, string>, from: ReadonlyMap<string, string>): void {
  for (const [name, value] of from) to.set(name, value);
}
