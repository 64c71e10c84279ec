import type { World } from "./world.ts";

/** How a command's definition hands over what to do; the answer is the exit code. Definitions alone run nothing. */
export type Act = (work: (world: World) => Promise<number>) => Promise<void>;
