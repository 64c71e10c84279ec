import type { Digest } from "../layer/digest.ts";

/** Where blobs were seen in this session, so that a push can have them mounted instead of sending them. */
export class BlobHomes {
  readonly #homes = new Map<string, Set<string>>();

  note(registry: string, repository: string, digest: Digest): void {
    const key = `${registry} ${digest}`;
    const homes = this.#homes.get(key);
    if (homes === undefined) this.#homes.set(key, new Set([repository]));
    else homes.add(repository);
  }

  /** Another repository of the same registry that has the blob, if one is known. */
  elsewhere(registry: string, repository: string, digest: Digest): string | undefined {
    return [...(this.#homes.get(`${registry} ${digest}`) ?? [])].find((home) => home !== repository);
  }
}
