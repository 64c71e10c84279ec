import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { DockerfileSettings, SecretSource } from "../actions/settings.ts";
import { csvPairs } from "../csv.ts";
import { usageError } from "../errors.ts";
import { repeatable } from "./project-options.ts";
import { parseSize } from "./values.ts";
import type { World } from "./world.ts";

export type DockerfileOptions = {
  readonly target?: string;
  readonly buildArg?: readonly string[];
  readonly buildContext?: readonly string[];
  readonly secret?: readonly string[];
  readonly ssh?: readonly string[];
  readonly network?: "default" | "host" | "none";
  readonly allow?: readonly string[];
  readonly caBundle?: string;
  readonly onError?: "fail" | "shell";
};

const ALLOWABLE = ["network.host", "security.insecure"];

/** Flags that say what a Dockerfile means, spelled as buildx has them. */
export function addStageOptions(command: Command): Command {
  return command
    .option("--target <stage>", "stage of a Dockerfile to build")
    .addOption(
      repeatable(
        "--build-arg <name=value>",
        "build argument; without a value, the environment's; repeatable",
      ),
    )
    .addOption(
      repeatable(
        "--build-context <name=place>",
        "folder, docker-image://NAME or oci-layout://FOLDER to copy from or build on by name; repeatable",
      ),
    );
}

/** Flags for what its steps are lent and may do. */
export function addStepOptions(command: Command): Command {
  return command
    .addOption(
      repeatable(
        "--secret <spec>",
        "id=NAME,src=FILE or id=NAME,env=VARIABLE for RUN --mount=type=secret; repeatable",
      ),
    )
    .addOption(repeatable("--ssh <id[=socket]>", "ssh agent for RUN --mount=type=ssh; repeatable"))
    .addOption(
      new Option("--network <mode>", "network of RUN where it says nothing").choices([
        "default",
        "host",
        "none",
      ]),
    )
    .addOption(
      repeatable(
        "--allow <what>",
        "security.insecure lets RUN --security=insecure have all rights; repeatable",
      ),
    )
    .option(
      "--ca-bundle <file>",
      "certificates that RUN finds in place of the image's; in no layer (env: CAMBIUM_CA_BUNDLE)",
    )
    .addOption(
      new Option(
        "--on-error <what>",
        "when a RUN fails: end, or a shell in what it left, on this terminal",
      ).choices(["fail", "shell"]),
    );
}

/**
 * The flags as the library's final values.
 * @throws CambiumError `BUILD_ARG_SYNTAX`, `BUILD_CONTEXT_SYNTAX`, `SECRET_SYNTAX`, `SSH_SYNTAX`, `ALLOW_UNKNOWN`,
 *   `SIZE_SYNTAX`, `SHELL_NO_TERMINAL`.
 */
export function dockerfileSettings(world: World, options: DockerfileOptions): DockerfileSettings {
  for (const what of options.allow ?? []) {
    if (!ALLOWABLE.includes(what)) {
      throw usageError(
        "ALLOW_UNKNOWN",
        `--allow: there is no ${JSON.stringify(what)}`,
        `There is ${ALLOWABLE.join(", ")}.`,
      );
    }
  }
  const { CAMBIUM_PROJECT: project, CAMBIUM_MOUNTS_MAX: maxMounts } = world.env;
  const caBundle = options.caBundle ?? world.env.CAMBIUM_CA_BUNDLE;
  if (options.onError === "shell") assertTerminal(world);
  return {
    ...(options.target !== undefined && { target: options.target }),
    buildArgs: buildArgs(options.buildArg ?? [], world),
    buildContexts: new Map((options.buildContext ?? []).map((text) => buildContext(text, world))),
    secrets: new Map((options.secret ?? []).map((text) => secret(text, world))),
    sshSockets: new Map((options.ssh ?? []).map((text) => ssh(text, world))),
    network: options.network === "none" ? "none" : "host",
    allowsInsecure: options.allow?.includes("security.insecure") === true,
    ...(caBundle !== undefined && caBundle !== "" && { caBundle: resolve(world.cwd, caBundle) }),
    ...(options.onError === "shell" && { onError: "shell" }),
    ...(project !== undefined && project !== "" && { project }),
    ...(maxMounts !== undefined &&
      maxMounts !== "" && { maxMountBytes: parseSize(maxMounts, "CAMBIUM_MOUNTS_MAX") }),
  };
}

function assertTerminal({ isStdinTTY, stderr }: World): void {
  if (isStdinTTY && stderr.isTTY === true) return;
  throw usageError(
    "SHELL_NO_TERMINAL",
    `--on-error shell: ${isStdinTTY ? "stderr" : "stdin"} is no terminal`,
    "Run the build on a terminal, or leave the flag out.",
  );
}

/** As docker has it: a name alone takes the environment's value, and is left out where there is none. */
function buildArgs(texts: readonly string[], { env }: World): Map<string, string> {
  const args = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    const name = equals === -1 ? text : text.slice(0, equals);
    if (name === "") {
      throw usageError(
        "BUILD_ARG_SYNTAX",
        `--build-arg: no name in ${JSON.stringify(text)}`,
        "Write NAME=VALUE.",
      );
    }
    const value = equals === -1 ? env[name] : text.slice(equals + 1);
    if (value !== undefined) args.set(name, value);
  }
  return args;
}

function buildContext(text: string, { cwd }: World): [name: string, place: string] {
  const equals = text.indexOf("=");
  const [name, place] = [text.slice(0, equals), text.slice(equals + 1)];
  if (equals < 1 || place === "") {
    throw usageError(
      "BUILD_CONTEXT_SYNTAX",
      `--build-context: not NAME=PLACE: ${JSON.stringify(text)}`,
      "Write data=./folder.",
    );
  }
  const [, scheme, rest = ""] = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/(.*)$/.exec(place) ?? [];
  if (scheme === undefined) return [name, resolve(cwd, place)];
  if (scheme === "docker-image" && rest !== "") return [name, place];
  if (scheme === "oci-layout" && rest !== "") return [name, `oci-layout://${resolve(cwd, rest)}`];
  throw usageError(
    "BUILD_CONTEXT_SYNTAX",
    `--build-context ${name}: nothing is read through ${JSON.stringify(scheme)}`,
    "It is a folder, docker-image://NAME or oci-layout://FOLDER[:TAG|@DIGEST]; ADD takes what the web and git have.",
  );
}

function secret(text: string, { cwd, env }: World): [id: string, source: SecretSource] {
  const pairs = csvPairs(text, "--secret");
  const id = pairs.get("id");
  const file = pairs.get("src") ?? pairs.get("source");
  const variable = pairs.get("env");
  const type = pairs.get("type");
  if (id === undefined || id === "" || (file !== undefined && variable !== undefined)) {
    throw usageError(
      "SECRET_SYNTAX",
      `--secret: it takes an id and one place: ${JSON.stringify(text)}`,
      "Write id=NAME,src=FILE or id=NAME,env=VARIABLE.",
    );
  }
  if (variable !== undefined) return [id, { kind: "env", name: variable }];
  if (file !== undefined && type !== "env") return [id, { kind: "file", path: resolve(cwd, file) }];
  if (file !== undefined) return [id, { kind: "env", name: file }];
  // As buildx: without a place it is the variable of that name, else the file.
  return [id, env[id] === undefined ? { kind: "file", path: resolve(cwd, id) } : { kind: "env", name: id }];
}

function ssh(text: string, { cwd, env }: World): [id: string, socket: string] {
  const equals = text.indexOf("=");
  const id = equals === -1 ? text : text.slice(0, equals);
  const socket = equals === -1 ? env.SSH_AUTH_SOCK : text.slice(equals + 1);
  if (socket === undefined || socket === "") {
    throw usageError(
      "SSH_SYNTAX",
      `--ssh ${text}: no agent: SSH_AUTH_SOCK is not set`,
      "Start an agent, or write ID=SOCKET.",
    );
  }
  return [id === "" ? "default" : id, resolve(cwd, socket)];
}
