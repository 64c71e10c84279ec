import { gunzipSync } from "node:zlib";
import { canonicalJson } from "../../../src/canonical-json.ts";
import { arrange } from "../../../src/layer/arrange.ts";
import { composeLayer, type LayerPlan, layerExtents, layerPieces } from "../../../src/layer/compose.ts";
import { describeLayer } from "../../../src/layer/describe.ts";
import { digestOf } from "../../../src/layer/digest.ts";
import { CONSTANT_MTIME } from "../../../src/layer/entry.ts";
import { headerMember } from "../../../src/layer/gzip.ts";
import type { LayerRecord } from "../../../src/layer/layer.ts";
import type { BlobReader } from "../../../src/layer/segment.ts";
import { paddingOf, tarHeader } from "../../../src/layer/tar-header.ts";
import { LAYOUT_VERSIONS } from "../../../src/layout-versions.ts";
import { columns, type Example, hexDump } from "./example.ts";
import { exampleSegment } from "./segment.ts";

/** The example segment alone in a layer. */
export async function exampleLayer(): Promise<{
  plan: LayerPlan;
  record: LayerRecord;
  reader: BlobReader;
  keyDocument: string;
}> {
  const { segment, blobs } = exampleSegment();
  const [tier] = arrange([[segment]]).tiers;
  const plan = composeLayer(tier!.segments, tier!);
  const keyDocument = canonicalJson({
    layoutVersion: LAYOUT_VERSIONS.layer,
    directories: [["srv/data", 0o750, 1000, 1000, null]],
    segments: [{ id: segment.id, mtimeSec: segment.mtimeSec, omitted: [], renamed: [] }],
  });
  if (digestOf(keyDocument) !== plan.key) throw new Error("the layer's key is of another document");
  return { plan, record: await describeLayer(plan, blobs, "example"), reader: blobs, keyDocument };
}

export async function layerExamples(): Promise<Example[]> {
  const { plan, record, reader, keyDocument } = await exampleLayer();
  const long = `usr/lib/${"naïve/".repeat(2)}module.py`;
  const extended = tarHeader(
    { type: "file", path: long, mode: 0o644, uid: 0, gid: 0, size: 0, digest: digestOf("") },
    CONSTANT_MTIME,
  );
  const end = headerMember(new Uint8Array(1024));
  return [
    { name: "header-block", text: hexDump(tarHeader(plan.directories[0]!, plan.mtimeSec)) },
    { name: "pax-records", text: hexDump(extended.subarray(512, 1024), 512) },
    { name: "tar-blocks", text: tarTable(plan) },
    { name: "end-member", text: hexDump(end) },
    { name: "members", text: memberTable(plan, reader) },
    {
      name: "layer-record",
      text: `digest  ${record.descriptor.digest}\nsize    ${record.descriptor.size}\ndiff id ${record.diffId}`,
    },
    { name: "layer-key", text: `${keyDocument}\nkey ${plan.key}` },
  ];
}

function tarTable(plan: LayerPlan): string {
  const rows: (string | number)[][] = [["offset", "bytes", "what"]];
  let at = 0;
  const add = (bytes: number, what: string) => {
    if (bytes > 0) rows.push([at, bytes, what]);
    at += bytes;
  };
  for (const { path } of plan.directories) add(512, `header  ${path}/`);
  for (const { entry } of plan.entries) {
    add(512, `header  ${entry.path}${"target" in entry ? ` -> ${entry.target}` : ""}`);
    if (entry.type !== "file") continue;
    add(entry.size, "content");
    add(paddingOf(entry.size), "padding");
  }
  add(1024, "end");
  const size = [...layerPieces(plan)].reduce(
    (sum, it) => sum + (it.kind === "headers" ? it.tar.length : it.size),
    0,
  );
  if (size !== at) throw new Error("the table is not the layer");
  return columns(rows);
}

/** What the extents come to, read back as members by an ordinary gunzip. */
function memberTable(plan: LayerPlan, reader: BlobReader): string {
  const parts = [...layerExtents(plan)].map((extent) => {
    if (extent.kind === "bytes") return extent.bytes;
    const bytes = new Uint8Array(extent.length);
    reader.read(extent.blob, extent.offset, bytes);
    return bytes;
  });
  const rows: (string | number)[][] = [["offset", "bytes", "of the tar", "what"]];
  let at = 0;
  let tarAt = 0;
  let member: Uint8Array[] = [];
  for (const part of parts) {
    member.push(part);
    // A header member is one extent; a payload's is three: header, deflate stream, trailer.
    const isHeaders = member.length === 1 && part.length > 10;
    if (!isHeaders && member.length < 3) continue;
    const bytes = Buffer.concat(member);
    const content = gunzipSync(bytes);
    rows.push([at, bytes.length, `${tarAt}+${content.length}`, isHeaders ? "headers, padding" : "payload"]);
    at += bytes.length;
    tarAt += content.length;
    member = [];
  }
  return columns(rows);
}
