import { parentPort, workerData } from "node:worker_threads";
import { BlobStore } from "../store/blobs.ts";
import { SegmentStore } from "../store/segments.ts";
import { type Job, runJob } from "./jobs.ts";
import { packError, type WorkerAnswer } from "./worker-messages.ts";

/** The thread's side of `WorkerPool`: one job at a time, answers in the same order. */
const port = parentPort;
if (port === null) throw new Error("worker.ts is started by the worker pool, not by itself");
const { root } = workerData as { root: string };
const added = { bytes: 0 };
const store = { blobs: new BlobStore(root, added), segments: new SegmentStore(root, added) };

port.on("message", (job: Job) => {
  const before = added.bytes;
  const addedBytes = () => added.bytes - before;
  runJob(job, store).then(
    (result) => port.postMessage({ addedBytes: addedBytes(), result } satisfies WorkerAnswer),
    (error: unknown) =>
      port.postMessage({ addedBytes: addedBytes(), error: packError(error) } satisfies WorkerAnswer),
  );
});
