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
  for (const [name, value] of own.env) env.set(name, value);
  const workdir = own.workdir ?? textOf(base?.WorkingDir);
  const user = own.user ?? textOf(base?.User);
  const entrypoint = own.entrypoint ?? base?.Entrypoint ?? undefined;
  const cmd = own.cmd ?? (own.entrypoint === undefined ? (base?.Cmd ?? undefined) : undefined);
  const stopSignal = own.stopSignal ?? textOf(base?.StopSignal);
  return {
    env: [...env],
    ...(workdir !== undefined && { workdir }),
    ...(user !== undefined && { user }),
    ...(entrypoint !== undefined && { entrypoint }),
    ...(cmd !== undefined && { cmd }),
    labels: { ...base?.Labels, ...own.labels },
    exposedPorts: union(Object.keys(base?.ExposedPorts ?? {}), own.exposedPorts),
    volumes: union(Object.keys(base?.Volumes ?? {}), own.volumes),
    ...(stopSignal !== undefined && { stopSignal }),
    ...(base?.Healthcheck != null && { healthcheck: base.Healthcheck }),
    ...(base?.Shell != null && { shell: base.Shell }),
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
