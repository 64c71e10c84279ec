import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBuildKit, type TestBuildKit } from "../support/buildkit.ts";
import { needs } from "../support/needs.ts";
import { AUTH_MODES, type AuthMode, layersOf, markedImages, startTrip } from "./trip.ts";

/** What its exporter can make of its own layer. */
const forms = [
  { form: "compression=gzip,oci-mediatypes=true", type: "oci.image.layer.v1.tar+gzip" },
  { form: "compression=estargz,oci-mediatypes=true", type: "oci.image.layer.v1.tar+gzip" },
  { form: "compression=zstd,oci-mediatypes=true", type: "oci.image.layer.v1.tar+zstd" },
  { form: "compression=uncompressed,oci-mediatypes=true", type: "oci.image.layer.v1.tar" },
  { form: "compression=gzip,oci-mediatypes=false", type: "docker.image.rootfs.diff.tar.gzip" },
];

describe.runIf(needs("docker-registry", "skopeo", "buildkitd", "buildctl", "runc", "openssl", "root"))(
  "with BuildKit",
  () => {
    let buildKit: TestBuildKit;
    beforeAll(async () => {
      buildKit = await startBuildKit();
    });
    afterAll(async () => buildKit?.[Symbol.asyncDispose]());

    test.for(AUTH_MODES)("it builds on ours, and ours on that: $name", async ({ name }) => {
      await thereAndBack(name, forms[0]!);
    });

    test.for(forms.slice(1))("its layer is read and kept as it is: $form", async (form) => {
      await thereAndBack("anonymous", form);
    });

    async function thereAndBack(mode: AuthMode, { form, type }: (typeof forms)[number]): Promise<void> {
      await using trip = await startTrip(mode);
      const mark = `${mode} ${form}\n`;
      await trip.push(markedImages(mark).both, "team/app:1");
      const ours = layersOf(await trip.read("team/app:1"));

      const dockerfile = `FROM ${trip.reference("team/app:1")}\nCOPY --chmod=640 --chown=7:8 added.txt /srv/\n`;
      const output = `type=image,name=${trip.reference("theirs/app:1")},push=true,registry.insecure=true`;
      const env = { DOCKER_CONFIG: trip.dockerConfig };
      await buildKit.build(dockerfile, `${output},${form}`, { "added.txt": mark }, env);
      const theirs = layersOf(await trip.read("theirs/app:1"));
      expect(theirs).toHaveLength(ours.length + 1);
      expect(digests(theirs.slice(0, -1))).toEqual(digests(ours));
      expect(theirs.at(-1)?.mediaType).toBe(`application/vnd.${type}`);

      const derived = layersOf(await trip.buildOn("theirs/app:1", "team/derived:1"));
      expect(derived).toHaveLength(theirs.length + 1);
      expect(digests(derived.slice(0, -1))).toEqual(digests(theirs));
    }
  },
);

const digests = (layers: ReturnType<typeof layersOf>) => layers.map(({ digest }) => digest);
