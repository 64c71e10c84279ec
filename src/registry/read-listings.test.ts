import { describe, expect, test } from "vitest";
import { config, givenRegistry, manifest } from "../../tests/support/given-registry.ts";
import { blobOf } from "../image/manifest.ts";
import { INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";

const given = givenRegistry();
const { repository } = given;

describe("listings", () => {
  test("of tags go over pages; an unknown repository has none", async () => {
    for (let number = 10; number < 35; number++) given.registry.tags.set(`app:${number}`, "x");
    given.registry.pageSize = 10;
    expect(await repository().tags()).toHaveLength(25);
    expect(given.registry.log).toHaveLength(3);
    expect(await repository("none").tags()).toEqual([]);
  });

  test.for([
    { name: "a circle", link: "</v2/app/tags/list?n=1000>; rel=next", problem: "do not end" },
    { name: "another host", link: '<https://mallory.example/>; rel="next"', problem: "elsewhere" },
  ])("whose next page is $name are refused", async ({ link, problem }) => {
    given.registry.hook = (_, response) => {
      response.writeHead(200, { link }).end('{"tags":["1"]}');
      return true;
    };
    await expect(repository().tags()).rejects.toMatchObject({
      code: "REGISTRY_ANSWER",
      message: expect.stringContaining(problem),
    });
  });

  const subject = manifest.descriptor;
  const artifact = (artifactType: string) =>
    blobOf(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MANIFEST_MEDIA_TYPE,
          artifactType,
          config: config.descriptor,
          layers: [],
          subject,
        }),
      ),
      MANIFEST_MEDIA_TYPE,
    );

  test.for([true, false])(
    "of referrers come by the API, or else by the fallback tag (API: %s)",
    async (hasApi) => {
      given.registry.hasReferrers = hasApi;
      const [one, two] = [artifact("application/one"), artifact("application/two")];
      const app = repository();
      for (const blob of [one, two]) await app.putManifest(blob, blob.descriptor.digest);
      if (!hasApi) {
        expect(await app.referrers(subject.digest)).toEqual([]);
        const manifests = [
          { ...one.descriptor, artifactType: "application/one" },
          { ...two.descriptor, artifactType: "application/two" },
        ];
        const index = { schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests };
        await app.putManifest(
          blobOf(Buffer.from(JSON.stringify(index)), INDEX_MEDIA_TYPE),
          subject.digest.replace(":", "-"),
        );
      }
      expect(await app.referrers(subject.digest)).toHaveLength(2);
      expect(await app.referrers(subject.digest, "application/two")).toMatchObject([
        { digest: two.descriptor.digest },
      ]);
    },
  );
});
