import { usageError } from "../errors.ts";

/** What the user says of registries. */
export type RegistrySettings = {
  /** `host[:port]` of registries that may have plain HTTP or a certificate that nobody signed. */
  readonly insecureHosts: readonly string[];
  /** Read before the registry itself, in this order; nothing is ever pushed there. */
  readonly mirrors: readonly RegistryMirror[];
};

export type RegistryMirror = {
  /** Whose content it has, such as `docker.io`. */
  readonly registry: string;
  /** `host[:port]` of the mirror. */
  readonly host: string;
  readonly isPlainHttp: boolean;
  /** Repositories stand below it, as `proxy` in `mirror.example/proxy/library/debian`; or empty. */
  readonly prefix: string;
};

export const NO_REGISTRY_SETTINGS: RegistrySettings = { insecureHosts: [], mirrors: [] };

const HOST = "[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\\[[0-9A-Fa-f:]+\\](?::[0-9]{1,5})?";
const MIRROR = new RegExp(`^(?:(https?)://)?(${HOST})((?:/[a-z0-9._-]+)*)/?$`);
const WHOLE_HOST = new RegExp(`^(?:${HOST})$`);
const DEFAULT_REGISTRY = "docker.io";

/**
 * A list with commas: `mirror` is Docker Hub's, `registry=mirror` any registry's; a mirror is `[http://]host[:port][/prefix]`.
 * @throws CambiumError `REGISTRY_MIRROR_SYNTAX`; `where` says who wrote it.
 */
export function parseMirrors(text: string, where: string): RegistryMirror[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")
    .map((item) => parseMirror(item, where));
}

function parseMirror(text: string, where: string): RegistryMirror {
  const equals = text.indexOf("=");
  const registry = equals === -1 ? DEFAULT_REGISTRY : text.slice(0, equals);
  const match = MIRROR.exec(text.slice(equals + 1));
  if (match === null || !WHOLE_HOST.test(registry)) {
    // A user name in the address would be a secret.
    const shown = text.includes("@") ? "(not shown, since it may hold a password)" : JSON.stringify(text);
    throw usageError(
      "REGISTRY_MIRROR_SYNTAX",
      `${where}: not a mirror: ${shown}`,
      "Write registry=host[:port][/prefix], with http:// before the host where it has no TLS. " +
        "Credentials come from docker login or podman login.",
    );
  }
  return { registry, host: match[2]!, isPlainHttp: match[1] === "http", prefix: match[3]!.slice(1) };
}

/** `host[:port]`, as `--registry-insecure` takes it. @throws CambiumError `REGISTRY_HOST_SYNTAX`. */
export function parseRegistryHost(text: string, where: string): string {
  if (WHOLE_HOST.test(text)) return text;
  throw usageError(
    "REGISTRY_HOST_SYNTAX",
    `${where}: not a registry host: ${JSON.stringify(text)}`,
    "Write host or host:port, without http:// and without a path.",
  );
}
