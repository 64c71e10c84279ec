/** A name for an address (`--add-host`). */
export type ExtraHost = { readonly name: string; readonly address: string };

/** /etc/hosts of a step: not the host's, so that it is the same on every machine. */
export function hostsText(extraHosts: readonly ExtraHost[]): string {
  const lines = ["127.0.0.1\tlocalhost cambium", "::1\tlocalhost ip6-localhost ip6-loopback"];
  return [...lines, ...extraHosts.map(({ name, address }) => `${address}\t${name}`), ""].join("\n");
}
