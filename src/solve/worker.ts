import { parentPort, workerData } from "node:worker_threads";
import { BlobStore } from "../store/blobs.ts";
import { SegmentStore } from "../store/segments.ts";
import { type Job, runJob } from "./jobs.ts";
import { packError, type WorkerAnswer } from "./worker-messages.ts";

/** The thread's side of `WorkerPool`: one job at a time, answers in the same order. */
const port = parentPort;
if (port === null) throw new Error("worker.ts is started by the worker pool, not by itself");
const { root } = workerData as { root: string };
const store = { blobs: new BlobStore(root), segments: new SegmentStore(root) };

port.on("message", (job: Job) => {
  runJob(job, store).then(
    (result) => port.postMessage({ result } satisfies WorkerAnswer),
    (error: unknown) => port.postMessage({ error: packError(error) } satisfies WorkerAnswer),
  );
});
