import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { file } from "./entries.ts";

const HOSTS = `127.0.0.1\tlocalhost
::1\t\tlocalhost ip6-localhost ip6-loopback
ff02::1\t\tip6-allnodes
ff02::2\t\tip6-allrouters

`;

const NETWORKS = `default\t\t0.0.0.0
loopback\t127.0.0.0
link-local\t169.254.0.0

`;

/**
 * hosts and networks as netbase's postinst writes them, nsswitch.conf as libc-bin's copies it. Without the last,
 * `getaddrinfo("localhost")` fails. resolv.conf and hostname belong to whoever runs the container.
 */
export function network(tree: Tree): SourceEntry[] {
  const entries: SourceEntry[] = [];
  // netbase's one unmistakable file.
  if (tree.entry("etc/protocols") !== undefined) {
    entries.push(file("etc/hosts", HOSTS), file("etc/networks", NETWORKS));
  }
  const nsswitch = tree.read("usr/share/libc-bin/nsswitch.conf");
  if (nsswitch !== undefined) entries.push(file("etc/nsswitch.conf", nsswitch));
  return entries;
}
