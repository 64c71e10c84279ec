import { createHash } from "node:crypto";
import { afterEach, beforeEach } from "vitest";
import type { BuildEvent } from "../../src/events.ts";
import { blobOf, buildManifest } from "../../src/image/manifest.ts";
import { CONFIG_MEDIA_TYPE } from "../../src/image/media-types.ts";
import { parseReference } from "../../src/image/reference.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { type AccessOptions, createRegistryAccess, type RegistryAccess } from "../../src/registry/access.ts";
import { openRepository, type Repository } from "../../src/registry/repository.ts";
import { type MemoryRegistry, startMemoryRegistry } from "./memory-registry.ts";

export const config = blobOf(Buffer.from("{}"), CONFIG_MEDIA_TYPE);
export const manifest = buildManifest(config.descriptor, []);

/** A registry in memory for each test of the file, and ways to talk to it that are closed afterwards. */
export function givenRegistry() {
  let registry: MemoryRegistry;
  const events: BuildEvent[] = [];
  const opened: RegistryAccess[] = [];
  beforeEach(async () => {
    registry = await startMemoryRegistry();
    events.length = 0;
  });
  afterEach(async () => {
    for (const access of opened.splice(0)) await access.close();
    await registry[Symbol.asyncDispose]();
  });
  function accessWith(options: Partial<AccessOptions> = {}): RegistryAccess {
    const emit = (event: BuildEvent) => events.push(event);
    const access = createRegistryAccess({ env: {}, backoffMs: 1, emit, ...options });
    opened.push(access);
    return access;
  }
  return {
    get registry(): MemoryRegistry {
      return registry;
    },
    events,
    accessWith,
    repository(name = "app", access = accessWith()): Repository {
      return openRepository(parseReference(`${registry.address}/${name}`, "test"), access, "push");
    },
  };
}

/** Bytes that no two parts of have in common. */
export function noise(size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, i) =>
    createHash("sha256").update(`${i}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

/** A blob in chunks that counts how often it was read. */
export function sourceOf(bytes: Uint8Array, chunk = 1000) {
  const descriptor = { mediaType: "x", digest: digestOf(bytes), size: bytes.byteLength };
  let opened = 0;
  return {
    descriptor,
    get opened() {
      return opened;
    },
    async *bytes(): AsyncGenerator<Uint8Array> {
      opened += 1;
      for (let at = 0; at < bytes.byteLength; at += chunk) yield bytes.subarray(at, at + chunk);
    },
  };
}

export async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
