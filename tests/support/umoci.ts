import { execFileSync } from "node:child_process";
import { toolOf } from "./needs.ts";

/** The tree of an image in a registry that asks nobody, as umoci unpacks it beside `path`, with owners: needs root. */
export function unpackRemoteImage(reference: string, path: string): string {
  const [layout, bundle] = [`${path}-layout`, `${path}-bundle`];
  const from = ["--quiet", "--src-tls-verify=false", `docker://${reference}`];
  execFileSync(toolOf("skopeo"), ["copy", ...from, `oci:${layout}:1`]);
  execFileSync(toolOf("umoci"), ["unpack", "--image", `${layout}:1`, bundle]);
  return `${bundle}/rootfs`;
}
