/** `npm run build`: the packed package's `dist`: bundles for start-up speed, declarations for who imports it. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root, toolPath } from "./paths.ts";
import { runProcess } from "./process.ts";

const dist = join(root, "dist");

/** Its engine is a native addon, which a bundle cannot hold; npm installs it as a dependency. */
const external = ["@napi-rs/lzma"];

/**
 * Entries of their own: `cli` for bin, `worker` for threads (the bundle looks for it beside itself), `api` for
 * importers. Splitting keeps what is imported dynamically in chunks that load only then.
 */
const entries: Readonly<Record<string, string>> = {
  cli: "src/cli/entry.ts",
  worker: "src/solve/worker.ts",
  api: "src/api.ts",
};

rmSync(dist, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(join(root, file)))),
  outdir: dist,
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node22.18",
  external,
  // A linked node_modules would otherwise put its place on this machine into the names of CommonJS modules.
  preserveSymlinks: true,
  minifySyntax: true,
  minifyWhitespace: true,
  // Names stay, so that the stack of a defect can be read; their licences go to one file.
  keepNames: true,
  legalComments: "external",
  // CommonJS dependencies call require for Node's own modules.
  banner: {
    js: 'import{createRequire as createRequire_}from"node:module";const require=createRequire_(import.meta.url);',
  },
});
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
