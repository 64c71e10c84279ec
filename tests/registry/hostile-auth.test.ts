import { afterAll, describe, expect, test } from "vitest";
import { loadImage } from "../../src/image/load.ts";
import { validateImage } from "../../src/image/validate.ts";
import { pushImage } from "../../src/registry/push.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { startFaultyServer } from "../support/faulty-server.ts";
import { AMD64 } from "../support/images.ts";
import { needs } from "../support/needs.ts";
import { basicAuth, PASSWORD, startTokenServer, USER } from "../support/registry-auth.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { accessWith, isLargeGet, isUpload, large, noise, set, tagged } from "./hostile-cases.ts";
import { startHostileProxy } from "./proxy.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

describe.runIf(needs("docker-registry", "openssl"))(
  "a registry that wants credentials, behind a proxy",
  () => {
    test("credentials follow no redirect to another host, and the bytes from there are checked", async () => {
      await using guarded = await startDockerRegistry({ auth: basicAuth(folder) });
      const credentials = async () =>
        ({ kind: "password", username: USER, password: PASSWORD, from: "t" }) as const;
      await pushImage(set, tagged(guarded.address, "1"), accessWith({ credentials }));
      await using storage = await startFaultyServer();
      await using proxy = await startHostileProxy(guarded.address);
      const chunks: Uint8Array[] = [];
      for await (const chunk of large.compressed()) chunks.push(chunk);
      for (const [bytes, code] of [
        [Buffer.concat(chunks), undefined],
        [Buffer.concat(noise(large.descriptor.size)).subarray(0, large.descriptor.size), "DIGEST_INVALID"],
      ] as const) {
        const location = storage.serve("/bucket/large", bytes);
        proxy.fault = (request) =>
          isLargeGet(request) && request.headers.authorization !== undefined
            ? { kind: "answer", status: 307, headers: { location } }
            : undefined;
        const image = await loadImage(
          await openRemoteImage(tagged(proxy.address, "1"), accessWith({ credentials })),
          AMD64,
        );
        const read = async () => {
          for await (const _ of image.layers[0]!.compressed());
        };
        if (code === undefined) await read();
        else await expect(read()).rejects.toMatchObject({ code });
      }
      expect(storage.log.length).toBeGreaterThanOrEqual(2);
      expect(storage.log.map(({ headers }) => headers.authorization)).toEqual(
        storage.log.map(() => undefined),
      );
    });

    test("a token that ends in the middle of an upload is renewed, and the upload goes on", async () => {
      await using tokens = await startTokenServer();
      await using guarded = await startDockerRegistry({ auth: tokens.auth });
      await using proxy = await startHostileProxy(guarded.address);
      // The registry no longer takes the token that the second chunk comes with.
      const challenge = `${tokens.auth.join(" ").replace(/^.*realm: (\S+).*$/, 'Bearer realm="$1",service="tests"')}`;
      let chunks = 0;
      let refusedToken: string | undefined;
      proxy.fault = (request) => {
        if (isUpload(request) && ++chunks === 2) refusedToken = request.headers.authorization;
        const isOld = refusedToken !== undefined && request.headers.authorization === refusedToken;
        return isOld
          ? { kind: "answer", status: 401, headers: { "www-authenticate": challenge } }
          : undefined;
      };
      const credentials = async () =>
        ({ kind: "password", username: USER, password: PASSWORD, from: "t" }) as const;
      let nowMs = Date.now();
      const access = accessWith({ credentials, now: () => (nowMs += 1000) });
      await pushImage(set, tagged(proxy.address, "1"), access);
      expect(refusedToken).toBeDefined();
      expect(tokens.log.length).toBeGreaterThanOrEqual(2);
      const reader = accessWith({ credentials });
      expect(
        (await validateImage(await openRemoteImage(tagged(guarded.address, "1"), reader))).problems,
      ).toEqual([]);
    });
  },
);
