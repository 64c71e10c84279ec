/** What `import … from "cambium"` gives: the builder for `cambium.ts`, and the calls that the commands make. */
export { build } from "./actions/build.ts";
export { explain, listBuilds } from "./actions/explain/explain.ts";
export { inspect } from "./actions/inspect.ts";
export { lock } from "./actions/lock.ts";
export { plan } from "./actions/plan.ts";
export { rebase } from "./actions/rebase.ts";
export type * from "./actions/results.ts";
export { run } from "./actions/run.ts";
export type * from "./actions/settings.ts";
export { validate } from "./actions/validate.ts";
export { CambiumError } from "./errors.ts";
export type { BuildEvent, Emit } from "./events.ts";
export { type Base, debian, diff, from, type ImageBuilder, image } from "./frontend/spec/builder.ts";
export { formatPlatform, type Platform, parsePlatform } from "./platform.ts";
