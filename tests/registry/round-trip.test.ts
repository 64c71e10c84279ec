import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/events.ts";
import { imageSet } from "../../src/image/image.ts";
import { writeOciLayout } from "../../src/image/outputs/oci-layout.ts";
import { parseReference } from "../../src/image/reference.ts";
import { validateImage } from "../../src/image/validate.ts";
import { type AccessOptions, createRegistryAccess, type RegistryAccess } from "../../src/registry/access.ts";
import { pushImage } from "../../src/registry/push.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { openRepository } from "../../src/registry/repository.ts";
import { startDockerRegistry, type TestRegistry } from "../support/docker-registry.ts";
import { AMD64, ARM64, imageOf } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import {
  basicAuth,
  IDENTITY_TOKEN,
  PASSWORD,
  startTokenServer,
  type TokenServer,
  USER,
} from "../support/registry-auth.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const events: BuildEvent[] = [];
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
    emit: (event) => events.push(event),
    ...options,
  });
  opened.push(access);
  return access;
}

const shared = layerOf({ path: "shared", file: "s".repeat(2_000_000) });
const one = layerOf({ path: "one", file: "1" });
const two = layerOf({ path: "two", file: "2" });
const set = imageSet([imageOf([shared, one], {}, AMD64), imageOf([shared, two], {}, ARM64)]);

type Mode = { readonly name: string; readonly auth: (tokens: TokenServer) => readonly string[] };
const modes: readonly Mode[] = [
  { name: "anonymous", auth: () => [] },
  { name: "Basic", auth: () => basicAuth(folder) },
  { name: "token server", auth: (tokens) => tokens.auth },
];

describe.runIf(needs("docker-registry", "skopeo", "openssl"))("with skopeo", () => {
  test.for(modes)("what one pushes the other reads: $name", async ({ name, auth }) => {
    await using tokens = await startTokenServer();
    await using registry = await startDockerRegistry({ auth: auth(tokens) });
    using work = temporaryFolder();
    const authFile = work.at("auth.json");
    if (name !== "anonymous") await logIn(registry, authFile);
    const access = accessWith({ env: { REGISTRY_AUTH_FILE: authFile } });
    const authArgs = name === "anonymous" ? [] : ["--authfile", authFile];

    const reference = parseReference(`${registry.address}/team/app:1`, "test");
    const { digest } = await pushImage(set, reference, access);
    const folderArgs = [`docker://${registry.address}/team/app:1`, `dir:${work.at("copy")}`];
    await skopeo(["copy", "-q", "--all", "--src-tls-verify=false", ...authArgs, ...folderArgs]);
    expect(JSON.parse(readFileSync(work.at("copy", "manifest.json"), "utf8"))).toMatchObject({
      manifests: [{ platform: { architecture: "amd64" } }, { platform: { architecture: "arm64" } }],
    });

    await writeOciLayout(
      imageSet([imageOf([shared, two])]),
      work.at("layout"),
      { tags: [] },
      () => undefined,
    );
    for (const format of ["oci", "v2s2"]) {
      const target = `docker://${registry.address}/theirs/app:${format}`;
      const args = ["copy", "-q", "--dest-tls-verify=false", ...authArgs, "--format", format];
      await skopeo([...args, `oci:${work.at("layout")}`, target]);
      const source = await openRemoteImage(
        parseReference(target.slice(9), "test"),
        accessWith({ env: { REGISTRY_AUTH_FILE: authFile } }),
      );
      const report = await validateImage(source);
      expect(report.problems).toEqual([]);
      expect(report.checked).toMatchObject({ manifests: 1, layers: 2 });
      expect(source.root.mediaType).toContain(
        format === "oci" ? "oci.image.manifest" : "docker.distribution.manifest.v2",
      );
    }

    const app = openRepository(reference, accessWith({ env: { REGISTRY_AUTH_FILE: authFile } }), "delete");
    expect(await app.tags()).toEqual(["1"]);
    expect(await app.referrers(digest)).toEqual([]);
    expect(await app.deleteManifest(digest)).toBe(true);
    expect(await app.manifest("1")).toBeUndefined();
    const told = JSON.stringify(events);
    expect(told).not.toContain(PASSWORD);
  });

  async function logIn(registry: TestRegistry, authFile: string): Promise<void> {
    const args = ["login", "--tls-verify=false", "--authfile", authFile, "-u", USER, "--password-stdin"];
    await skopeo([...args, registry.address], PASSWORD);
  }
});

/** Not by execFileSync: the token server lives in this process. */
async function skopeo(args: readonly string[], input = ""): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = execFile("skopeo", args, { timeout: 60_000 }, (error) =>
    error === null ? resolve() : reject(error),
  );
  child.stdin?.end(input);
  await promise;
}

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
