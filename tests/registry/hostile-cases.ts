import { afterAll } from "vitest";
import { imageSet, rootOf } from "../../src/image/image.ts";
import { parseReference, type Reference } from "../../src/image/reference.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { type AccessOptions, createRegistryAccess, type RegistryAccess } from "../../src/registry/access.ts";
import { AMD64, ARM64, imageOf } from "../support/images.ts";
import { handMadeTar, layerFromTar, layerOf } from "../support/layers.ts";
import type { Fault, ProxyAccess } from "./proxy.ts";

const opened: RegistryAccess[] = [];
afterAll(async () => {
  for (const access of opened) await access.close();
});

export type Case = { readonly name: string; readonly fault: (request: ProxyAccess) => Fault | undefined };
export type Refused = Case & { readonly code: RegExp };

/** Access that is patient for milliseconds only; closed after the file. */
export function accessWith(options: Partial<AccessOptions> = {}): RegistryAccess {
  const access = createRegistryAccess({
    ...{ env: {}, retries: 3, backoffMs: 1, idleTimeoutMs: 1000, answerTimeoutMs: 1000, chunkBytes: 2 ** 20 },
    emit: () => undefined,
    ...options,
  });
  opened.push(access);
  return access;
}

/** Of some 3 MB that do not compress, so that an upload has a middle. */
export const large = layerFromTar(handMadeTar([{ path: "large", file: Buffer.concat(noise(3_000_000)) }]));
export const small = layerOf({ path: "small", file: "1" });
export const set = imageSet([imageOf([large, small], {}, AMD64), imageOf([small], {}, ARM64)]);
export const { digest } = rootOf(set).descriptor;

/** Bytes of a fixed generator, in blocks. */
export function noise(size: number): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at < size; at += 32) blocks.push(Buffer.from(digestOf(`${at}`).slice(7), "hex"));
  return blocks;
}

export const tagged = (address: string, tag: string): Reference =>
  parseReference(`${address}/app:${tag}`, "test");

/** `make` for the first `times` requests that match. */
export function firstOf(times: number, matches: (request: ProxyAccess) => boolean, fault: Fault) {
  let left = times;
  return (request: ProxyAccess) => (left > 0 && matches(request) && left-- > 0 ? fault : undefined);
}

export const isUpload = ({ method, url }: ProxyAccess) =>
  /^(PUT|PATCH)$/.test(method) && url.includes("/blobs/uploads/");
export const isLargeUpload = (request: ProxyAccess) =>
  isUpload(request) && Number(request.headers["content-length"]) > 1_000_000;
export const isTag = ({ method, url }: ProxyAccess) =>
  method === "PUT" && /\/manifests\/(?!sha256:)/.test(url);
export const isManifestPut = ({ method, url }: ProxyAccess) =>
  method === "PUT" && url.includes("/manifests/");
export const isManifestGet = ({ method, url }: ProxyAccess) =>
  method === "GET" && url.includes("/manifests/");
export const isLargeGet = ({ method, url }: ProxyAccess) =>
  method === "GET" && url.includes(large.descriptor.digest);
export const any = () => true;
