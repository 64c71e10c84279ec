import { expect, test } from "vitest";
import { copyBench } from "../../tests/support/copy-bench.ts";
import { treeOf } from "../../tests/support/tree.ts";
import { contextSource } from "../context/context-source.ts";
import { walkContext } from "../context/walk.ts";
import { BASE_FILES } from "../ecosystems/read-base.ts";
import { readLayer } from "../image/read-layer.ts";
import { composedLayer, describeLayer } from "../layer/describe.ts";
import { CONSTANT_MTIME } from "../layer/entry.ts";
import { rememberComposition } from "../store/stored-layer.ts";
import { layerListings } from "./base-listings.ts";
import { composedListing } from "./composed-listing.ts";
import { copyLayer, copyStep } from "./steps/copy-step.ts";

test("the listing of a composed layer is what reading it gives", async () => {
  using folder = treeOf({
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "usr/lib/a.txt": "a",
    "usr/lib/empty": "",
    "usr/folder/": "",
    "usr/link": { link: "lib/a.txt" },
  });
  await using bench = copyBench();
  const source = contextSource(await walkContext(folder.path, { ignoreFiles: [] }), {
    get: () => undefined,
    put: () => undefined,
  });
  const flags = { isLinked: false, keepsParents: false, exclude: [] };
  const sources = [{ kind: "files", from: { kind: "context" }, paths: ["."], isUnpacked: false }] as const;
  const place = { line: 2, text: "COPY . /", destination: "/", owner: "4:5" };
  const step = { op: "copy", ...place, sources, ...flags } as const;
  const input = { sources: async () => source, below: undefined, accounts: {}, mtimeSec: CONSTANT_MTIME };
  const { plan, segments } = copyLayer(step, await copyStep(step, input, bench), undefined);
  const record = await describeLayer(plan, bench.store.blobs, "test");
  expect(composedListing(bench.store, record, BASE_FILES)).toBeUndefined();
  rememberComposition(bench.store, record, plan, segments);
  const read = await readLayer(composedLayer(plan, record, bench.store.blobs), BASE_FILES);
  const known = composedListing(bench.store, record, BASE_FILES);
  expect(known).toEqual(read);
  expect([...known!.contents.keys()]).toEqual(["etc/passwd"]);

  // As part of a base it is kept: later builds read it, and a record has it for other machines.
  expect(bench.store.listings.get(record.diffId, BASE_FILES.id)).toBeUndefined();
  expect(await layerListings([record], BASE_FILES, "test", bench)).toEqual([read]);
  expect(bench.store.listings.get(record.diffId, BASE_FILES.id)).toEqual(read);
});
