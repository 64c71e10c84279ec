/** `npm run build`: the packed package's `dist`: bundles for start-up speed, declarations for who imports it. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { root, toolPath } from "./paths.ts";
import { runProcess } from "./process.ts";

const dist = join(root, "dist");

/** Its engine is a native addon, which a bundle cannot hold; npm installs it as a dependency. */
const external = ["@napi-rs/lzma"];

/**
 * Entries of their own: `cli` for bin, `worker` for threads (the bundle looks for it beside itself), `api` for
 * importers. What is imported dynamically stays in chunks that load only then.
 */
const entries: Readonly<Record<string, string>> = {
  cli: "src/cli/entry.ts",
  worker: "src/solve/worker.ts",
  api: "src/api.ts",
};

/**
 * Modules that start a chunk, each with all that it imports statically and no earlier chunk has: what every command
 * loads, what a build that changes nothing adds, then what knows a base, puts packages into layers and pushes them, and
 * runs steps. docs/design/0006-start-up.md has the measurement.
 */
const startChunks = [
  { name: "command", modules: ["cli/main", "cli/library"] },
  {
    name: "build",
    modules: ["actions/build", "frontend/project/detect", "ecosystems/python/requirements/requirements-file"],
  },
  {
    name: "base",
    modules: [
      "solve/resolve-base",
      "solve/base-image",
      "solve/base-documents",
      "solve/base-listings",
      "actions/packages/layer-results",
      // Shared by chunks below, which would have to load one another for it.
      "actions/records/stages-memory",
      "byte-size",
      "ecosystems/python/uv/run-process",
      "ecosystems/debian/merge-status",
      "ecosystems/locked-sources",
      "graph/mount-places",
      "graph/paths",
      "image/image",
      "solve/image-layers",
      "store/stored-image",
    ],
  },
  { name: "spec", modules: ["frontend/spec/yaml"] },
  {
    name: "compose",
    modules: [
      "actions/packages/compose-image",
      "actions/outputs",
      "actions/records/publish-record",
      "registry/push",
      "ecosystems/cambium-lock",
      "ecosystems/python/choice/choose",
      "ecosystems/python/choice/unfit-wheel",
      "ecosystems/python/index/read-index-settings",
    ],
  },
  {
    name: "stages",
    modules: [
      "actions/stages/build-dockerfile",
      "actions/stages/build-stages",
      "actions/records/stages-memory",
    ],
  },
].map(({ name, modules }, at, all) => ({
  ...{ name, modules },
  test: new RegExp(`/src/(${modules.join("|")})\\.ts$`),
  priority: all.length - at,
}));

// One that moved would fall back to small chunks, and nothing else would tell.
const gone = startChunks
  .flatMap(({ modules }) => modules)
  .filter((name) => !existsSync(join(root, `src/${name}.ts`)));
if (gone.length > 0) throw new Error(`no such modules for start chunks: ${gone.join(", ")}`);

rmSync(dist, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: root,
  input: { ...entries },
  platform: "node",
  external,
  // A linked node_modules would otherwise put its place on this machine into the names of CommonJS modules.
  resolve: { symlinks: false },
  // Modules that are also imported statically stay with who does; that is what the chunks above are for.
  checks: { ineffectiveDynamicImport: false },
});
await bundle.write({
  dir: dist,
  format: "esm",
  chunkFileNames: "[name]-[hash].js",
  codeSplitting: { groups: startChunks.map(({ name, test, priority }) => ({ name, test, priority })) },
  // Names stay, so that the stack of a defect can be read.
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
});
await bundle.close();
await declarations();

/** Emits `.d.ts` for the whole source: `api.d.ts` refers to them. */
async function declarations(): Promise<void> {
  const config = join(root, "tsconfig.build.json");
  const { exitCode, stdout } = await runProcess("tsc", ["-p", config], {
    cwd: root,
    env: { ...process.env, PATH: toolPath(process.env.PATH) },
  });
  if (exitCode !== 0) throw new Error(stdout);
}

const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
if (typeof manifest !== "object" || manifest === null || !("dependencies" in manifest))
  throw new Error("package.json");
const missing = external.filter((name) => !Object.hasOwn(manifest.dependencies as object, name));
if (missing.length > 0) throw new Error(`external, but not a dependency: ${missing.join(", ")}`);
