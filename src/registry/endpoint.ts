import { isLoopback } from "../fetch/loopback.ts";
import type { Reference } from "../image/reference.ts";
import type { RegistrySettings } from "./settings.ts";

/** A repository at one place: the registry itself or a mirror of it. */
export type Endpoint = {
  /** `host[:port]` as people write it; credentials are kept under this name. */
  readonly registry: string;
  /** As this place calls it. */
  readonly repository: string;
  /** `host[:port]` of the API. */
  readonly apiHost: string;
  /** `http`: plain; `https`: with a right certificate; `any`: what answers first of TLS unchecked and plain HTTP. */
  readonly transport: "http" | "https" | "any";
  readonly isMirror: boolean;
};

/** Where the API of the default registry is. */
const API_HOSTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

/** The registry itself, where pushes go. */
export function originOf(
  reference: Pick<Reference, "registry" | "repository">,
  settings: RegistrySettings,
): Endpoint {
  const { registry, repository } = reference;
  const apiHost = API_HOSTS[registry] ?? registry;
  return { registry, repository, apiHost, transport: transportOf(apiHost, settings), isMirror: false };
}

/** Every place to read from, mirrors first. */
export function sourcesOf(
  reference: Pick<Reference, "registry" | "repository">,
  settings: RegistrySettings,
): Endpoint[] {
  const mirrors = settings.mirrors
    .filter(({ registry }) => registry === reference.registry)
    .map(
      ({ host, isPlainHttp, prefix }): Endpoint => ({
        registry: host,
        repository: prefix === "" ? reference.repository : `${prefix}/${reference.repository}`,
        apiHost: host,
        transport: isPlainHttp ? "http" : transportOf(host, settings),
        isMirror: true,
      }),
    );
  return [...mirrors, originOf(reference, settings)];
}

/** Named as insecure goes before loopback, so that a registry with TLS on this machine can be reached. */
function transportOf(host: string, settings: RegistrySettings): Endpoint["transport"] {
  if (settings.insecureHosts.includes(host)) return "any";
  return isLoopback(hostnameOf(host)) ? "http" : "https";
}

function hostnameOf(host: string): string {
  return host.replace(/:\d+$/, "");
}
