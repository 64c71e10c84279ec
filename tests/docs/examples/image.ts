import { assembleImage, type Image, imageSet } from "../../../src/image/image.ts";
import { LAYOUT_MARK, layoutEntries, layoutIndex } from "../../../src/image/outputs/layout-documents.ts";
import { imageTar } from "../../../src/image/outputs/tar.ts";
import { parseReference } from "../../../src/image/reference.ts";
import { composedLayer } from "../../../src/layer/describe.ts";
import { readTar } from "../../../src/layer/read-tar.ts";
import { columns, type Example } from "./example.ts";
import { exampleLayer } from "./layer.ts";

export async function exampleImage(architecture: "amd64" | "arm64"): Promise<Image> {
  const { plan, record, reader } = await exampleLayer();
  return assembleImage({
    platform: { os: "linux", architecture },
    config: {
      env: [["PATH", "/usr/bin"]],
      cmd: ["/usr/bin/greet"],
      labels: {},
      exposedPorts: ["8000"],
      volumes: [],
    },
    created: "1980-01-02T00:00:00Z",
    layers: [{ layer: composedLayer(plan, record, reader), history: { createdBy: "cambium example" } }],
  });
}

export async function imageExamples(): Promise<Example[]> {
  const image = await exampleImage("amd64");
  const both = imageSet([await exampleImage("arm64"), image]);
  const tags = [parseReference("registry.example/app:1", "example")];
  const archive = await tarFiles(imageTar({ images: [image] }, { tags, format: "docker" }));
  return [
    { name: "image-config", text: documentText(image.config) },
    { name: "image-manifest", text: documentText(image.manifest) },
    { name: "image-index", text: documentText(both.index!) },
    {
      name: "layout",
      text: `oci-layout  ${LAYOUT_MARK}\nindex.json  ${layoutIndex(layoutEntries(image.manifest.descriptor, tags))}`,
    },
    { name: "docker-manifest", text: archive.texts.get("manifest.json") ?? "" },
    { name: "image-tar", text: columns([["offset", "size", "path"], ...archive.rows]) },
  ];
}

function documentText({ bytes, descriptor }: Image["manifest"]): string {
  return `${Buffer.from(bytes).toString("utf8")}\n${descriptor.digest} ${descriptor.size}`;
}

async function tarFiles(source: AsyncIterable<Uint8Array>) {
  const rows: (string | number)[][] = [];
  const texts = new Map<string, string>();
  for await (const entry of readTar(source, "example")) {
    rows.push([entry.offset - 512, entry.size, entry.type === "directory" ? `${entry.path}/` : entry.path]);
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content()) chunks.push(chunk);
    texts.set(entry.path, Buffer.concat(chunks).toString("utf8"));
  }
  return { rows, texts };
}
