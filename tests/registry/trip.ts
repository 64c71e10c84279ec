import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { expect } from "vitest";
import type { BuildEvent } from "../../src/events.ts";
import { type ImageSet, imageSet } from "../../src/image/image.ts";
import { type InspectedLayer, type Inspection, inspectImage } from "../../src/image/inspect.ts";
import { parseReference } from "../../src/image/reference.ts";
import { validateImage } from "../../src/image/validate.ts";
import type { Digest } from "../../src/layer/digest.ts";
import { createRegistryAccess, type RegistryAccess } from "../../src/registry/access.ts";
import { pushImage } from "../../src/registry/push.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { cambium } from "../support/command.ts";
import { startDockerRegistry, type TestRegistry } from "../support/docker-registry.ts";
import { AMD64, ARM64, imageOf } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { toolOf } from "../support/needs.ts";
import { digestIn, writeProject } from "../support/project.ts";
import { basicAuth, PASSWORD, startTokenServer, USER } from "../support/registry-auth.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** How a registry asks who is there. */
export const AUTH_MODES = [{ name: "anonymous" }, { name: "Basic" }, { name: "token server" }] as const;
export type AuthMode = (typeof AUTH_MODES)[number]["name"];

const base = layerOf(
  { path: "usr", directory: true },
  { path: "usr/lib", directory: true },
  { path: "usr/lib/shared", file: "s".repeat(200_000) },
  { path: "lib", link: "usr/lib" },
  { path: "root", directory: true, mode: 0o700 },
  { path: "tmp", directory: true, mode: 0o1777 },
  { path: "gone", file: "1" },
  { path: "theirs", file: "theirs", mode: 0o4750, owner: 7 },
);

/** Two platforms with a layer in common; a whiteout, links, odd modes and owners. No other test's tool has seen its layers. */
export function markedImages(mark: string): { readonly both: ImageSet; readonly amd64: ImageSet } {
  const amd64 = layerOf({ path: ".wh.gone", file: "" }, { path: "one", file: mark });
  const arm64 = layerOf({ path: "two", file: mark }, { path: "again", hardlink: "two" });
  const image = imageOf([base, amd64], { cmd: ["/one"] }, AMD64);
  return { both: imageSet([image, imageOf([base, arm64], {}, ARM64)]), amd64: imageSet([image]) };
}

/** A registry, and somebody who may use it: the same login file leads Cambium and every other tool. */
export type Trip = AsyncDisposable & {
  readonly registry: TestRegistry;
  readonly isAnonymous: boolean;
  /** A folder with the `config.json` that `skopeo login` wrote, for `DOCKER_CONFIG`. */
  readonly dockerConfig: string;
  at(...parts: string[]): string;
  reference(name: string): string;
  /** Everything said so far. */
  readonly events: readonly BuildEvent[];
  /** A session that knows nothing yet. */
  session(): RegistryAccess;
  push(set: ImageSet, name: string): Promise<Digest>;
  /** What a fresh session makes of a name: valid, or the test ends here. */
  read(name: string): Promise<Inspection>;
  /** Builds with the real command on a base of the registry and pushes; what `read` says of it. */
  buildOn(base: string, name: string): Promise<Inspection>;
  /** `skopeo copy`; of the two, `docker://` is the registry. */
  copy(from: string, to: string, ...options: readonly string[]): Promise<void>;
  /** The same with layers in zstd, to a name of the registry. */
  copyAsZstd(from: string, name: string): Promise<void>;
};

export async function startTrip(mode: AuthMode): Promise<Trip> {
  const folder = temporaryFolder();
  const tokens = await startTokenServer();
  const auth = { anonymous: [], Basic: basicAuth(folder), "token server": tokens.auth }[mode];
  const registry = await startDockerRegistry({ auth });
  const isAnonymous = mode === "anonymous";
  const dockerConfig = folder.at("docker");
  const authFile = `${dockerConfig}/config.json`;
  const events: BuildEvent[] = [];
  const sessions: RegistryAccess[] = [];
  mkdirSync(dockerConfig);
  if (!isAnonymous) {
    const who = ["--authfile", authFile, "-u", USER, "--password-stdin"];
    await skopeo(["login", "--tls-verify=false", ...who, registry.address], PASSWORD);
  }
  const env = isAnonymous ? {} : { REGISTRY_AUTH_FILE: authFile };
  const authArgs = isAnonymous ? [] : ["--authfile", authFile];
  const trip: Trip = {
    registry,
    isAnonymous,
    dockerConfig,
    events,
    at: folder.at,
    reference: (name) => `${registry.address}/${name}`,
    session: () => {
      const emit = (event: BuildEvent) => events.push(event);
      const session = createRegistryAccess({ env, retries: 1, backoffMs: 1, emit });
      sessions.push(session);
      return session;
    },
    push: async (set, name) => (await pushImage(set, referenceTo(name), trip.session())).digest,
    read: async (name) => {
      const source = await openRemoteImage(referenceTo(name), trip.session());
      expect((await validateImage(source)).problems).toEqual([]);
      return inspectImage(source);
    },
    buildOn: async (from, name) => {
      const tag = trip.reference(name);
      const yaml = `from: ${trip.reference(from)}\ncopy: app.txt\n`;
      // Each build on a machine of its own: it has to read the base.
      const machine = folder.at(name.replaceAll(/\W/g, "-"));
      const project = writeProject(`${machine}/project`, {
        "cambium.yaml": yaml,
        "app.txt": `on ${from}\n`,
      });
      const args = ["build", project, "--platform", "linux/amd64", "-t", tag, "--push"];
      const digest = digestIn(await cambium(args, { store: `${machine}/store`, env }));
      const inspection = await trip.read(name);
      expect(inspection.digest).toBe(digest);
      return inspection;
    },
    copy: async (from, to, ...options) => {
      const place = (name: string) => name.replace(/^docker:\/\//, `docker://${registry.address}/`);
      const insecure = [
        ...(from.startsWith("docker:") ? ["--src-tls-verify=false"] : []),
        ...(to.startsWith("docker:") ? ["--dest-tls-verify=false"] : []),
      ];
      await skopeo(["copy", "-q", ...insecure, ...authArgs, ...options, place(from), place(to)]);
    },
    copyAsZstd: async (from, name) => {
      // skopeo compresses what is not compressed only, and for a registry prefers layers that this has in gzip.
      const [plain, zstd] = [`dir:${folder.at("plain")}`, `oci:${folder.at("zstd")}`];
      await trip.copy(from, plain, "--dest-decompress");
      await trip.copy(plain, zstd, "--dest-compress-format=zstd");
      await trip.copy(zstd, `docker://${name}`, "--preserve-digests");
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) await session.close();
      await registry[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
  const referenceTo = (name: string) => parseReference(trip.reference(name), "test");
  return trip;
}

/** Not by execFileSync: the token server lives in this process. */
async function skopeo(args: readonly string[], input = ""): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = execFile(toolOf("skopeo"), args, { timeout: 60_000 }, (error) =>
    error === null ? resolve() : reject(error),
  );
  child.stdin?.end(input);
  await promise;
}

/** The image for amd64's. */
export function layersOf({ images }: Inspection): readonly Pick<InspectedLayer, "mediaType" | "digest">[] {
  const image = images.find(({ platform }) => platform === "linux/amd64");
  if (image === undefined) throw new Error("no image for amd64");
  return image.layers.map(({ mediaType, digest }) => ({ mediaType, digest }));
}
