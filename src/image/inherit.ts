import type { ImageSettings } from "./config.ts";
import type { ConfigDocument } from "./documents.ts";

/** What a container runtime takes when neither the image nor its user names a PATH. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What an image hands down to those built on it. */
export type BaseSettings = ConfigDocument["config"];

/** The environment directory of an image with Python, such as `/opt/venv`. */
export type Venv = string;

/**
 * The settings of an image on a base, as Docker's builder has it: variables, labels, ports and volumes add up, the
 * rest replaces; an entrypoint of one's own drops the base's cmd, which was made for another one. Triggers (ONBUILD)
 * are for Dockerfiles and end here. With a `venv`, its programs come before the base's; what the base says of
 * LANG and PYTHONUNBUFFERED stays.
 */
export function inheritSettings(
  base: BaseSettings,
  own: ImageSettings,
  venv: Venv | undefined,
): ImageSettings {
  const env = new Map((base?.Env ?? []).map(splitVariable));
  if (!env.has("PATH")) env.set("PATH", DEFAULT_PATH);
  if (venv !== undefined) {
    env.set("PATH", `${venv}/bin:${env.get("PATH")}`);
    env.set("VIRTUAL_ENV", venv);
    if (!env.has("LANG")) env.set("LANG", "C.UTF-8");
    // Logs appear when they are written.
    if (!env.has("PYTHONUNBUFFERED")) env.set("PYTHONUNBUFFERED", "1");
  }
  const below: Inherited = {
    env: [...env],
    workdir: textOf(base?.WorkingDir),
    user: textOf(base?.User),
    entrypoint: base?.Entrypoint ?? undefined,
    cmd: base?.Cmd ?? undefined,
    labels: base?.Labels ?? {},
    exposedPorts: Object.keys(base?.ExposedPorts ?? {}),
    volumes: Object.keys(base?.Volumes ?? {}),
    stopSignal: textOf(base?.StopSignal),
    ...(base?.Healthcheck != null && { healthcheck: base.Healthcheck }),
    ...(base?.Shell != null && { shell: base.Shell }),
  };
  return settingsOn(below, own);
}

type Inherited = { readonly [Name in keyof ImageSettings]: ImageSettings[Name] | undefined } & Pick<
  ImageSettings,
  "env" | "labels" | "exposedPorts" | "volumes"
>;

/** The settings of an image on another one, by the same rules. */
export function settingsOn(below: Inherited, own: ImageSettings): ImageSettings {
  const env = new Map(below.env);
  for (const [name, value] of own.env) env.set(name, value);
  const workdir = own.workdir ?? below.workdir;
  const user = own.user ?? below.user;
  const entrypoint = own.entrypoint ?? below.entrypoint;
  const cmd = own.cmd ?? (own.entrypoint === undefined ? below.cmd : undefined);
  const stopSignal = own.stopSignal ?? below.stopSignal;
  return {
    env: [...env],
    ...(workdir !== undefined && { workdir }),
    ...(user !== undefined && { user }),
    ...(entrypoint !== undefined && { entrypoint }),
    ...(cmd !== undefined && { cmd }),
    labels: { ...below.labels, ...own.labels },
    exposedPorts: union(below.exposedPorts, own.exposedPorts),
    volumes: union(below.volumes, own.volumes),
    ...(stopSignal !== undefined && { stopSignal }),
    ...(below.healthcheck !== undefined && { healthcheck: below.healthcheck }),
    ...(below.shell !== undefined && { shell: below.shell }),
  };
}

function splitVariable(text: string): [name: string, value: string] {
  const equals = text.indexOf("=");
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** Docker writes an empty text where nothing is set. */
function textOf(value: string | null | undefined): string | undefined {
  return value === "" || value === null ? undefined : value;
}

function union(base: readonly string[], own: readonly string[]): string[] {
  return [...new Set([...base, ...own])].sort();
}
