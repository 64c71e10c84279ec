import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { runProcess } from "../scripts/process.ts";
import { UV_VERSION } from "../src/ecosystems/python/uv/uv-tool.ts";
import { benchCache } from "./folders.ts";
import { python } from "./python.ts";

/** Distributions with exact versions; `platform` is pip's, where it is not this machine's. */
export type WheelSet = {
  readonly name: string;
  readonly pins: readonly string[];
  readonly platform?: string;
};

export type LocalWheel = {
  readonly filename: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
};

/** What a project of set S asks for; the other pins of `setS` are what these depend on. */
export const requirementsS = [
  "numpy==2.4.6",
  "pandas==3.1.1",
  "scipy==1.17.1",
  "scikit-learn==1.9.1",
  "requests==2.34.2",
];

/** Set S of DESIGN §7, and two small packages without dependencies that nothing in it needs. */
export const setS: WheelSet = {
  name: "set-s",
  pins: [
    ...requirementsS,
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "cloudpickle==3.1.2",
    "idna==3.20",
    "joblib==1.6.0",
    "narwhals==2.29.0",
    "python-dateutil==4.0.0",
    "threadpoolctl==3.8.0",
    "tzdata==2026.6",
    "urllib3==2.8.0",
    "colorama==0.4.6",
    "six==1.17.0",
  ],
};

/** uv, for stores that have none, and a distribution that every prepared store knows, so that uv has been used in it. */
export const warmUp: WheelSet = { name: "warm-up", pins: ["tomli==2.0.1", `uv==${UV_VERSION}`] };

export const torchCpu: WheelSet = {
  name: "torch-cpu",
  pins: ["torch==2.10.0"],
  // The index has builds without CUDA only for this machine; what is in a wheel does not matter to transcoding.
  platform: "manylinux_2_28_aarch64",
};

/** torch's wheel with CUDA in it: 767 MB. */
export const torchCuda: WheelSet = { name: "torch-cuda", pins: ["torch==2.6.0"] };

/** What a project of set H asks for. */
export const requirementsH = [
  "torch==2.15.0",
  "tensorflow==2.21.0",
  "transformers==5.23.0",
  "numpy==2.4.6",
  "pandas==3.1.1",
];

/** Set H of DESIGN §7 with its CUDA wheels, and one small package that nothing in it needs (six is needed by astunparse). */
export const setH: WheelSet = {
  name: "set-h",
  pins: [
    "absl-py==2.5.1",
    "annotated-doc==0.0.7",
    "annotated-types==0.8.0",
    "anyio==4.16.0",
    "astunparse==1.6.3",
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "click==8.5.1",
    "cuda-bindings==13.5.0",
    "cuda-pathfinder==1.9.0",
    "cuda-toolkit==13.2.2",
    "filelock==4.2.11",
    "flatbuffers==25.12.19",
    "fsspec==2026.9.0",
    "gast==0.7.0",
    "google-pasta==0.2.0",
    "grpcio==1.85.1",
    "h11==0.16.0",
    "h5py==3.14.0",
    "hf-xet==1.8.0",
    "httpcore2==2.16.2",
    "httpx2==2.16.2",
    "huggingface-hub==2.4.0",
    "idna==3.20",
    "jinja2==3.1.6",
    "keras==3.15.1",
    "libclang==18.1.1",
    "markdown-it-py==4.3.0",
    "markupsafe==3.0.4",
    "mdurl==0.1.2",
    "ml-dtypes==0.6.0",
    "mpmath==1.3.0",
    "namex==0.1.0",
    "networkx==3.6.1",
    "numpy==2.4.6",
    "nvidia-cublas==13.4.1.3",
    "nvidia-cuda-cccl==13.3.5.0.6",
    "nvidia-cuda-cupti==13.2.86",
    "nvidia-cuda-nvrtc==13.2.86",
    "nvidia-cuda-runtime==13.2.86",
    "nvidia-cudnn-cu13==9.26.0.51",
    "nvidia-cufft==12.2.0.57",
    "nvidia-cufile==1.17.1.22",
    "nvidia-cusolver==12.2.0.11",
    "nvidia-cusparse==12.7.10.12",
    "nvidia-cusparselt-cu13==0.8.1",
    "nvidia-nccl-cu13==2.30.7",
    "nvidia-nvjitlink==13.5.37",
    "nvidia-nvshmem-cu13==3.7.2",
    "nvidia-nvtx==13.2.86",
    "opt-einsum==3.4.0",
    "optree==0.20.0",
    "packaging==26.3",
    "pandas==3.1.1",
    "protobuf==7.36.2",
    "pydantic==2.14.3",
    "pydantic-core==2.50.4",
    "pygments==2.21.0",
    "python-dateutil==4.0.0",
    "pyyaml==6.0.3",
    "regex==2026.11.15",
    "requests==2.34.2",
    "rich==15.0.0",
    "safetensors==0.8.0",
    "setuptools==84.2.1",
    "shellingham==1.5.4",
    "six==1.17.0",
    "sympy==1.14.0",
    "tensorflow==2.21.0",
    "termcolor==3.3.0",
    "tokenizers==0.23.3",
    "torch==2.15.0",
    "tqdm==4.70.1",
    "transformers==5.23.0",
    "triton==3.9.0",
    "truststore==0.10.5",
    "typer==0.29.2",
    "typing-extensions==4.16.0",
    "typing-inspection==0.4.5",
    "tzdata==2026.6",
    "urllib3==2.8.0",
    "wheel==0.48.0",
    "wrapt==2.5.2",
    "colorama==0.4.6",
  ],
};

/**
 * The wheels of a set, downloaded once by pip with the user's own configuration, sorted by file name.
 * @throws Error when pip cannot download them.
 */
export async function wheelsOf(set: WheelSet): Promise<LocalWheel[]> {
  const folder = join(benchCache, set.name);
  const catalogue = join(folder, "wheels.json");
  const known = existsSync(catalogue)
    ? (JSON.parse(readFileSync(catalogue, "utf8")) as Catalogue)
    : undefined;
  if (known !== undefined && known.pins.join() === set.pins.join()) {
    return known.wheels.map((wheel) => ({ ...wheel, path: join(folder, wheel.filename) }));
  }
  console.error(`downloading ${set.pins.length} wheels of ${set.name} (once)`);
  mkdirSync(folder, { recursive: true });
  const { executable } = await python();
  const target =
    set.platform === undefined
      ? []
      : ["--platform", set.platform, "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"];
  const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"];
  const result = await runProcess(executable, [...args, ...target, "--dest", folder, ...set.pins]);
  if (result.exitCode !== 0) throw new Error(`pip download for ${set.name} failed:\n${result.stderr}`);
  const wheels = await Promise.all(
    readdirSync(folder)
      .filter((filename) => filename.endsWith(".whl"))
      .sort()
      .map(async (filename) => describe(folder, filename)),
  );
  const document: Catalogue = { pins: set.pins, wheels };
  writeFileSync(catalogue, JSON.stringify(document, undefined, 1));
  return wheels.map((wheel) => ({ ...wheel, path: join(folder, wheel.filename) }));
}

type Catalogue = { readonly pins: readonly string[]; readonly wheels: readonly Omit<LocalWheel, "path">[] };

async function describe(folder: string, filename: string): Promise<Omit<LocalWheel, "path">> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  await pipeline(createReadStream(join(folder, filename)), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  });
  return { filename, sizeBytes, sha256: hash.digest("hex") };
}
