import { isIP } from "node:net";

/** More ports than there are numbers for them. */
const MAX_PORT = 65535;
const PROTOCOLS: readonly string[] = ["tcp", "udp", "sctp"];

/** `problem`: what is wrong. `isMapped`: an address or a port of the host stands before it, which says nothing here. */
export type ExposedPorts = {
  readonly ports: readonly string[];
  readonly isMapped: boolean;
  readonly hasUpperCase: boolean;
};

/** The ports of `[[ip:]host:]container[-end][/protocol]`, each as `80/tcp`. */
export function parsePorts(text: string): ExposedPorts | { readonly problem: string } {
  const parts = text.split(":");
  const container = parts.pop()!;
  const host = parts.pop() ?? "";
  const address = parts.join(":");
  const slash = container.indexOf("/");
  const range = slash === -1 ? container : container.slice(0, slash);
  const written = slash === -1 ? "" : container.slice(slash + 1);
  const protocol = written === "" ? "tcp" : written.toLowerCase();
  if (!PROTOCOLS.includes(protocol)) return { problem: `no protocol: ${JSON.stringify(written)}` };
  if (address !== "" && isIP(address.replace(/^\[(.*)\]$/, "$1")) === 0) {
    return { problem: `no IP address: ${JSON.stringify(address)}` };
  }
  const ports = parseRange(range);
  if (ports === undefined) return { problem: `no port or range of ports: ${JSON.stringify(range)}` };
  const outer = host === "" ? ports : parseRange(host);
  if (outer === undefined) return { problem: `no port or range of ports: ${JSON.stringify(host)}` };
  const [first, last] = ports;
  if (last !== first && outer[1] - outer[0] !== last - first) {
    return { problem: `ranges of different length: ${range} and ${host}` };
  }
  return {
    ports: Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`),
    isMapped: address !== "" || host !== "",
    hasUpperCase: written !== written.toLowerCase(),
  };
}

function parseRange(text: string): readonly [first: number, last: number] | undefined {
  const dash = text.indexOf("-");
  const first = parsePort(dash === -1 ? text : text.slice(0, dash));
  const last = dash === -1 ? first : parsePort(text.slice(dash + 1));
  return first === undefined || last === undefined || last < first ? undefined : [first, last];
}

function parsePort(text: string): number | undefined {
  const number = Number(text);
  return /^\+?[0-9]+$/.test(text) && number <= MAX_PORT ? number : undefined;
}
