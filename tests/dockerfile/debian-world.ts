import { copyStore, debianStore, debianYaml } from "../support/base-store.ts";
import type { DistributionFile } from "../support/distributions.ts";
import { type BaseWorld, type Machine, startBaseWorld } from "../support/registry-bases.ts";

export type DebianWorld = AsyncDisposable & {
  readonly world: BaseWorld;
  /** Has built and pushed the base, so it has its layers. */
  readonly builder: Machine;
  /** Reference of a Debian with a shell and Python in the world's registry. */
  readonly base: string;
};

/** A registry with a Debian to build Dockerfiles on. The Debian is computed once for all tests. */
export async function startDebianWorld(wheels: readonly DistributionFile[] = []): Promise<DebianWorld> {
  const world = await startBaseWorld(wheels);
  const builder = world.machine("builder");
  const { root, lock } = await debianStore();
  copyStore(root, builder.store);
  const base = `${world.registry.address}/debian:1`;
  const project = world.project("debian", { "cambium.yaml": debianYaml, "cambium.lock": lock });
  await builder.build(project, "-t", base, "--push", "--locked");
  return { world, builder, base, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}
