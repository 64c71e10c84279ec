import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { done, fresh } from "./workplace.ts";

/** 68 pinned distributions, half of them with extension modules; the hashes are those of our four targets' wheels. */
export const project = join(import.meta.dirname, "set");

export const suites = [
  { suite: "bookworm", python: "3.11" },
  { suite: "trixie", python: "3.13" },
] as const;

export type SetImages = Disposable & {
  /** Of the index. */
  readonly digest: string;
  /** Tag in the store. */
  readonly tag: string;
  /** Image layouts: of both platforms, of one. */
  readonly layout: string;
  readonly amd64: string;
  /** Tars: of both platforms, of one for `docker load`, of the root filesystem. */
  readonly ociTar: string;
  readonly dockerTar: string;
  readonly rootfsTar: string;
  /** Unpacked. */
  readonly rootfs: { readonly amd64: string; readonly arm64: string };
  at(...parts: string[]): string;
};

/** One suite's image for both platforms, computed anew, in all forms of output. */
export async function buildSet({ suite, python }: (typeof suites)[number]): Promise<SetImages> {
  const folder = temporaryFolder();
  const tag = `set:${suite}`;
  const rootfs = { amd64: folder.at("rootfs"), arm64: folder.at("rootfs-arm64") };
  const paths = {
    layout: folder.at("layout"),
    amd64: folder.at("layout-amd64"),
    ociTar: folder.at("layout.tar"),
    dockerTar: folder.at("docker.tar"),
    rootfsTar: folder.at("rootfs.tar"),
  };
  const build = async (platforms: string, ...args: string[]) => {
    const platform = ["--platform", platforms];
    return (await done(["build", project, "--python", python, ...platform, ...args])).trim();
  };
  const to = (type: string, dest: string) => ["-o", `type=${type},dest=${dest}`];
  const both = "linux/amd64,linux/arm64";
  const digest = await build(
    both,
    ...fresh,
    "-t",
    tag,
    ...to("oci", paths.layout),
    ...to("oci", paths.ociTar),
  );
  await build(
    "linux/amd64",
    // All of it once more, to compare.
    "--no-cache",
    ...["-t", `one:${suite}`, ...to("oci", paths.amd64), ...to("docker", paths.dockerTar)],
    ...[...to("tar", paths.rootfsTar), ...to("rootfs", rootfs.amd64)],
  );
  await build("linux/arm64", ...to("rootfs", rootfs.arm64));
  return { digest, tag, rootfs, ...paths, at: folder.at, [Symbol.dispose]: folder[Symbol.dispose] };
}
