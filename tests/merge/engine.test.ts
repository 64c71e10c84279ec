import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { Step } from "../../src/graph/stages.ts";
import { imageSet } from "../../src/image/image.ts";
import { writeOciLayout } from "../../src/image/outputs/oci-layout.ts";
import { parseReference } from "../../src/image/reference.ts";
import type { Layer } from "../../src/layer/layer.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { findBase } from "../../src/solve/base-documents.ts";
import { lazyLayer } from "../../src/solve/lazy-layers.ts";
import { recordsOf } from "../../src/solve/steps/stage-layers.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { entriesOfFolder } from "../support/found-tree.ts";
import { hostLayer } from "../support/host-layer.ts";
import { AMD64, imageOf } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { needs, toolOf } from "../support/needs.ts";
import { merge, stageBench } from "../support/stage-bench.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { unpackRemoteImage } from "../support/umoci.ts";

function run(script: string): Step {
  return {
    ...{ op: "run", argv: ["/bin/sh", "-ec", script], env: [["PATH", "/bin"]], cwd: "/", user: "" },
    ...{ network: "none", security: "sandbox", mounts: [], scripts: [], line: 1, text: script },
  };
}

/** Changes of every kind, as the kernel's overlay notes them. */
const CHANGES = `
  rm /data/one
  rm -r /data/deep
  mkdir /data/deep
  echo new > /data/deep/new
  mkdir -p /srv/app
  chmod 2750 /srv
  echo x > /srv/app/x
  ln /srv/app/x /srv/app/twin
  ln -s app/x /srv/link
  mkfifo /srv/pipe
  echo tool > /srv/tool
  chmod 4755 /srv/tool
  echo db:x:999:999::/srv:/bin/false >> /etc/passwd
`;

describe.runIf(needs("root", "runc", "unshare", "mount", "docker-registry", "skopeo", "umoci"))(
  "with real parts",
  () => {
    const host = hostLayer();
    const stages = async (place: ReturnType<typeof stageBench>) =>
      ({
        lower: { base: await place.imageOf(host) },
        upper: { base: { kind: "stage", stage: 0 }, steps: [run(CHANGES)] },
        diff: { base: { kind: "diff", lower: 0, upper: 1 } },
      }) as const;

    test("a difference of steps that ran is what the steps left, and steps run on where it landed", async () => {
      await using place = stageBench();
      const target = layerOf(
        ...[{ path: "data", directory: true, mode: 0o751 } as const, { path: "data/one", file: "other" }],
        ...[{ path: "data/kept", file: "kept" }, { path: "tmp", directory: true, mode: 0o1777 } as const],
      );
      const { layers, warnings } = await place.solve({
        ...(await stages(place)),
        all: {
          base: await place.imageOf(host, target),
          steps: [
            merge(2),
            run(
              "ls -A /data /data/deep /srv > /seen; stat -c '%a %h %n' /data /srv /srv/* >> /seen; tail -n1 /etc/passwd >> /seen",
            ),
          ],
        },
      });
      expect(warnings).toEqual([]);
      const [last] = (await place.listings(layers, { id: "all", keep: () => ({ maxBytes: 4096 }) })).slice(
        -1,
      );
      expect(Buffer.from(last?.contents.get("seen") ?? []).toString("utf8")).toMatchInlineSnapshot(`
        "/data:
        deep
        kept
        two

        /data/deep:
        new

        /srv:
        app
        link
        pipe
        tool
        751 1 /data
        2750 3 /srv
        755 2 /srv/app
        777 1 /srv/link
        644 1 /srv/pipe
        4755 1 /srv/tool
        db:x:999:999::/srv:/bin/false
        "
      `);
    });

    test("a difference on its own base is the stage it came from, by every layer", async () => {
      await using place = stageBench();
      const whole = {
        ...(await stages(place)),
        again: { base: { kind: "stage", stage: 0 }, steps: [merge(2)] },
      } as const;
      const again = await place.solve(whole);
      const { lower, upper } = whole;
      const direct = await place.solve({ lower, upper });
      expect(recordsOf(again.layers)).toEqual(recordsOf(direct.layers));
    });

    test("a difference that was exported lands from the registry on another base, deletions too", async () => {
      using folder = temporaryFolder();
      await using registry = await startDockerRegistry();
      const access = createRegistryAccess({ env: {}, emit: () => undefined });
      try {
        const put = async (place: ReturnType<typeof stageBench>, name: string, layers: readonly Layer[]) => {
          const reference = `${registry.address}/${name}`;
          const layout = folder.at(name.replace(":", "-"));
          await writeOciLayout(
            imageSet([imageOf(layers)]),
            layout,
            { tags: [parseReference(reference, "test")] },
            () => undefined,
          );
          execFileSync(toolOf("skopeo"), [
            "copy",
            "-q",
            "--dest-tls-verify=false",
            `oci:${layout}`,
            `docker://${reference}`,
          ]);
          const { digest } = await findBase(reference, [AMD64], { ...place.bench, registries: access });
          return { base: { kind: "image", reference, digest } } as const;
        };
        await using first = stageBench(access);
        const { layers } = await first.solve(await stages(first));
        const diff = await put(
          first,
          "diff:1",
          recordsOf(layers).map((record) => lazyLayer(record, first.bench)),
        );
        const target = await put(first, "target:1", [
          layerOf(
            { path: "data", directory: true },
            { path: "data/one", file: "1" },
            { path: "data/two", file: "2" },
          ),
        ]);
        await using second = stageBench(access);
        const landed = await second.solve({ diff, all: { ...target, steps: [merge(0)] } });
        // Its own layers, as they were exported.
        expect(recordsOf(landed.layers).slice(1)).toEqual(recordsOf(layers));
        await put(
          second,
          "landed:1",
          recordsOf(landed.layers).map((record) => lazyLayer(record, second.bench)),
        );
        const lines = entriesOfFolder(unpackRemoteImage(`${registry.address}/landed:1`, folder.at("root")));
        expect(
          lines.map((line) => (JSON.parse(line) as string[]).slice(0, 3).join(" ")),
        ).toMatchInlineSnapshot(`
          [
            "data d 755 0:0",
            "data/deep d 755 0:0",
            "data/deep/new - 644 0:0",
            "data/two - 644 0:0",
            "etc d 755 0:0",
            "etc/passwd - 644 0:0",
            "srv d 2750 0:0",
            "srv/app d 755 0:0",
            "srv/app/twin - 644 0:0",
            "srv/app/x - 644 0:0",
            "srv/link l 777 0:0",
            "srv/pipe p 644 0:0",
            "srv/tool - 4755 0:0",
          ]
        `);
      } finally {
        await access.close();
      }
    });
  },
);
