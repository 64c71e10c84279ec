import { describe, expect, test } from "vitest";
import { runProcess } from "../../scripts/process.ts";
import { startContainerd } from "../support/engines.ts";
import { needs, toolOf } from "../support/needs.ts";
import { PASSWORD, USER } from "../support/registry-auth.ts";
import { AUTH_MODES, markedImages, startTrip } from "./trip.ts";

describe.runIf(needs("docker-registry", "skopeo", "containerd", "ctr", "openssl", "root"))(
  "with containerd",
  () => {
    test.for(AUTH_MODES)("what it pulled it pushes as it was: $name", async ({ name }) => {
      await using trip = await startTrip(name);
      await using engine = await startContainerd();
      /** Not by its client, which blocks: the token server lives in this process. */
      const ctr = async (...args: readonly string[]) => {
        const ran = await runProcess(toolOf("ctr"), ["images", ...args], { env: engine.env });
        expect(ran.exitCode, ran.stderr).toBe(0);
        return ran.stdout;
      };
      const login = trip.isAnonymous ? [] : ["--user", `${USER}:${PASSWORD}`];
      const remote = ["--plain-http", ...login];
      const { both } = markedImages(name);
      const digest = await trip.push(both, "team/app:1");
      const [ours, theirs, plain] = ["team/app:1", "theirs/app:1", "theirs/app:plain"].map(
        trip.reference,
      ) as [string, string, string];

      await ctr("pull", ...remote, "--all-platforms", ours);
      expect(await ctr("ls", `name==${ours}`)).toContain(digest);
      expect(await ctr("check", `name==${ours}`)).toMatch(/ complete .* true/);
      await ctr("push", ...remote, theirs, ours);
      expect({ ...(await trip.read("theirs/app:1")), source: "" }).toEqual({
        ...(await trip.read("team/app:1")),
        source: "",
      });
      expect((await trip.read("theirs/app:1")).digest).toBe(digest);

      await ctr("convert", "--uncompress", "--oci", "--all-platforms", ours, plain);
      await ctr("push", ...remote, plain);
      const converted = await trip.read("theirs/app:plain");
      const layers = converted.images.flatMap((image) => image.layers);
      expect(layers.map(({ diffId }) => diffId)).toEqual(
        both.images.flatMap((image) => image.layers.map(({ diffId }) => diffId)),
      );
      expect(new Set(layers.map(({ mediaType }) => mediaType))).toEqual(
        new Set(["application/vnd.oci.image.layer.v1.tar"]),
      );
      const derived = await trip.buildOn("theirs/app:plain", "team/derived:1");
      const kept = derived.images[0]?.layers.slice(0, -1).map((layer) => layer.digest);
      expect(kept).toEqual(converted.images[0]?.layers.map((layer) => layer.digest));
    });
  },
);
