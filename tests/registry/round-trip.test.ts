import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { imageSet } from "../../src/image/image.ts";
import { writeOciLayout } from "../../src/image/outputs/oci-layout.ts";
import { parseReference } from "../../src/image/reference.ts";
import { validateImage } from "../../src/image/validate.ts";
import { type AccessOptions, createRegistryAccess, type RegistryAccess } from "../../src/registry/access.ts";
import { pushImage } from "../../src/registry/push.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { openRepository } from "../../src/registry/repository.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { AMD64, ARM64, imageOf } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { basicAuth, IDENTITY_TOKEN, PASSWORD, startTokenServer, USER } from "../support/registry-auth.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { AUTH_MODES, layersOf, startTrip } from "./trip.ts";

const opened: RegistryAccess[] = [];
const folder = temporaryFolder();
afterAll(async () => {
  for (const access of opened) await access.close();
  folder[Symbol.dispose]();
});

function accessWith(options: Partial<AccessOptions> = {}): RegistryAccess {
  const access = createRegistryAccess({
    env: {},
    retries: 1,
    backoffMs: 1,
    emit: () => undefined,
    ...options,
  });
  opened.push(access);
  return access;
}

const shared = layerOf({ path: "shared", file: "s".repeat(2_000_000) });
const one = layerOf({ path: "one", file: "1" });
const two = layerOf({ path: "two", file: "2" });
const set = imageSet([imageOf([shared, one], {}, AMD64), imageOf([shared, two], {}, ARM64)]);

describe.runIf(needs("docker-registry", "skopeo", "openssl"))("with skopeo", () => {
  test.for(AUTH_MODES)("what one pushes the other reads: $name", async ({ name }) => {
    await using trip = await startTrip(name);
    const digest = await trip.push(set, "team/app:1");
    await trip.copy("docker://team/app:1", `dir:${trip.at("copy")}`, "--all");
    expect(JSON.parse(readFileSync(trip.at("copy", "manifest.json"), "utf8"))).toMatchObject({
      manifests: [{ platform: { architecture: "amd64" } }, { platform: { architecture: "arm64" } }],
    });

    const single = imageSet([imageOf([shared, two])]);
    await writeOciLayout(single, trip.at("layout"), { tags: [] }, () => undefined);
    const layout = `oci:${trip.at("layout")}`;
    for (const format of ["oci", "v2s2"])
      await trip.copy(layout, `docker://theirs/app:${format}`, `--format=${format}`);
    await trip.copyAsZstd(layout, "theirs/app:zstd");
    for (const { tag, manifest, layer } of [
      { tag: "oci", manifest: "oci.image.manifest.v1", layer: "oci.image.layer.v1.tar+gzip" },
      {
        tag: "v2s2",
        manifest: "docker.distribution.manifest.v2",
        layer: "docker.image.rootfs.diff.tar.gzip",
      },
      { tag: "zstd", manifest: "oci.image.manifest.v1", layer: "oci.image.layer.v1.tar+zstd" },
    ]) {
      const found = await trip.read(`theirs/app:${tag}`);
      expect(found.mediaType).toBe(`application/vnd.${manifest}+json`);
      const diffIds = found.images[0]?.layers.map(({ diffId }) => diffId);
      expect(diffIds).toEqual(single.images[0]?.layers.map(({ diffId }) => diffId));
      const types = layersOf(found).map(({ mediaType }) => mediaType);
      expect(new Set(types)).toEqual(new Set([`application/vnd.${layer}`]));
    }

    const reference = parseReference(trip.reference("team/app:1"), "test");
    const app = openRepository(reference, trip.session(), "delete");
    expect(await app.tags()).toEqual(["1"]);
    expect(await app.referrers(digest)).toEqual([]);
    expect(await app.deleteManifest(digest)).toBe(true);
    expect(await app.manifest("1")).toBeUndefined();
    expect(JSON.stringify(trip.events)).not.toContain(PASSWORD);
  });
});

const password = (word: string) => async () =>
  ({ kind: "password", username: USER, password: word, from: "/p/auth.json" }) as const;

describe.runIf(needs("docker-registry", "openssl"))("credentials", () => {
  test("that are wrong or missing are told apart, and repeated nowhere", async () => {
    await using tokens = await startTokenServer();
    for (const auth of [basicAuth(folder), tokens.auth]) {
      await using registry = await startDockerRegistry({ auth });
      const reference = parseReference(`${registry.address}/app:1`, "test");
      const wrong = pushImage(set, reference, accessWith({ credentials: password("wr0ng-password") }));
      await expect(wrong).rejects.toMatchObject({
        code: "UNAUTHORIZED",
        message: expect.stringMatching(/^(?!.*wr0ng).*\/p\/auth\.json/),
      });
      await expect(pushImage(set, reference, accessWith())).rejects.toMatchObject({
        code: "UNAUTHORIZED",
        hint: expect.stringContaining(`docker login ${registry.address}`),
      });
    }
  });

  test("are an identity token, exchanged for what each step needs", async () => {
    await using tokens = await startTokenServer();
    await using registry = await startDockerRegistry({ auth: tokens.auth });
    const credentials = async () =>
      ({ kind: "identity-token", token: IDENTITY_TOKEN, from: "test" }) as const;
    const access = accessWith({ credentials });
    await pushImage(set, parseReference(`${registry.address}/app:1`, "test"), access);
    await openRemoteImage(parseReference(`${registry.address}/app:1`, "test"), access);
    expect(tokens.log).toEqual([
      { method: "POST", scopes: ["repository:app:pull,push"], isKnown: true },
      { method: "POST", scopes: ["repository:app:pull"], isKnown: true },
    ]);
  });

  test("are not needed where anybody may pull, and nobody may push without", async () => {
    await using tokens = await startTokenServer();
    await using registry = await startDockerRegistry({ auth: tokens.auth });
    const reference = parseReference(`${registry.address}/app:1`, "test");
    await pushImage(set, reference, accessWith({ credentials: password(PASSWORD) }));
    tokens.allowsAnonymousPull = true;
    expect((await validateImage(await openRemoteImage(reference, accessWith()))).problems).toEqual([]);
    const other = { ...reference, tag: "2" };
    await expect(pushImage(set, other, accessWith())).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    const forbidden = { ...reference, repository: "forbidden/app" };
    const push = pushImage(set, forbidden, accessWith({ credentials: password(PASSWORD) }));
    await expect(push).rejects.toMatchObject({ code: expect.stringMatching(/^(UNAUTHORIZED|DENIED)$/) });
  });

  test("of a mount reach over both repositories", async () => {
    await using tokens = await startTokenServer();
    await using registry = await startDockerRegistry({ auth: tokens.auth });
    const access = accessWith({ credentials: password(PASSWORD) });
    await pushImage(set, parseReference(`${registry.address}/base:1`, "test"), access);
    await registry.forget();
    // A session that only read the base.
    const fresh = accessWith({ credentials: password(PASSWORD) });
    const base = await openRemoteImage(parseReference(`${registry.address}/base:1`, "test"), fresh);
    for await (const _ of base.read(set.images[0]!.manifest.descriptor));
    for await (const _ of base.read(set.images[1]!.manifest.descriptor));
    const result = await pushImage(set, parseReference(`${registry.address}/app:1`, "test"), fresh);
    expect(result.uploadedLayers).toBe(0);
    const posts = (await registry.accesses()).filter(({ method }) => method === "POST");
    expect(posts.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(
      (await validateImage(await openRemoteImage(parseReference(`${registry.address}/app:1`, "test"), fresh)))
        .problems,
    ).toEqual([]);
  });
});

test.runIf(needs("docker-registry", "openssl"))(
  "TLS is checked, unless the registry is named as insecure",
  async () => {
    using work = temporaryFolder();
    const [key, certificate] = [work.at("key.pem"), work.at("cert.pem")];
    const subject = ["-subj", "/CN=tests", "-addext", "subjectAltName=IP:0.0.0.0", "-days", "2"];
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate];
    execFileSync("openssl", [...request, ...subject], { stdio: "ignore" });
    await using registry = await startDockerRegistry({ tls: { certificate, key } });
    // Leads to this machine and does not say so: on loopback plain HTTP is spoken.
    const host = registry.address.replace("127.0.0.1", "0.0.0.0");
    const reference = parseReference(`${host}/app:1`, "test");
    await expect(pushImage(set, reference, accessWith())).rejects.toMatchObject({
      code: "REGISTRY_UNREACHABLE",
      exitCode: 3,
      hint: expect.stringMatching(/SSL_CERT_FILE.*--registry-insecure/),
    });
    const { digest } = await pushImage(set, reference, accessWith({ env: { SSL_CERT_FILE: certificate } }));
    for (const insecure of [host, registry.address]) {
      const settings = { insecureHosts: [insecure], mirrors: [] };
      const source = await openRemoteImage(
        parseReference(`${insecure}/app:1`, "test"),
        accessWith({ settings }),
      );
      expect(source.root.digest).toBe(digest);
      expect((await validateImage(source)).problems).toEqual([]);
    }
  },
);

test.runIf(needs("docker-registry"))(
  "50 concurrent pushes of overlapping images all arrive whole",
  async () => {
    await using registry = await startDockerRegistry();
    const layers = Array.from({ length: 8 }, (_, n) =>
      layerOf({ path: `file-${n}`, file: `${n}`.repeat(200_000) }),
    );
    const images = Array.from({ length: 50 }, (_, n) =>
      imageOf([...layers.slice(n % 5, (n % 5) + 3), layerOf({ path: "own", file: `${n}` })]),
    );
    // Half of them share connections, the others are machines of their own.
    const patient = { retries: 5, backoffMs: 20 };
    const common = accessWith(patient);
    const references = images.map((_, n) => parseReference(`${registry.address}/app:${n}`, "test"));
    const digests = await Promise.all(
      images.map((image, n) =>
        pushImage(imageSet([image]), references[n]!, n % 2 === 0 ? common : accessWith(patient)),
      ),
    );
    for (const [n, reference] of references.entries()) {
      const source = await openRemoteImage(reference, common);
      expect(source.root.digest).toBe(digests[n]?.digest);
      expect((await validateImage(source)).problems).toEqual([]);
    }
  },
);
