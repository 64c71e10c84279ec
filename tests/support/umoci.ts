import { execFileSync } from "node:child_process";
import { toolOf } from "./needs.ts";

/** The tree of an image in a registry that asks nobody, as umoci unpacks it to `folder`, with owners: needs root. */
export function unpackRemoteImage(reference: string, folder: string): string {
  const layout = `${folder}-layout`;
  const from = ["--quiet", "--src-tls-verify=false", `docker://${reference}`];
  execFileSync(toolOf("skopeo"), ["copy", ...from, `oci:${layout}:1`]);
  // Raw: without the listing for a repack, a third of the time.
  execFileSync(toolOf("umoci"), ["raw", "unpack", "--image", `${layout}:1`, folder], { stdio: "pipe" });
  return folder;
}
