import type { Engine } from "../engine/embedded/engine.ts";
import { CambiumError } from "../errors.ts";
import { prune } from "../store/prune.ts";
import type { Limits } from "../store/retention.ts";
import type { Store } from "../store/store.ts";
import type { Stored } from "../store/survey.ts";
import type { SessionSettings } from "./settings.ts";

/** Removes what the limits allow; unpacked layers as far as the engine works here. */
export async function removedFrom(
  store: Store,
  found: { readonly all: readonly Stored[]; readonly surveyedMs: number; readonly limits: Limits },
  engine: Engine,
  { emit }: Pick<SessionSettings, "emit">,
): Promise<Stored[]> {
  return prune(store, found, async (usedMs) => {
    try {
      return await engine.removeTrees(usedMs);
    } catch (error) {
      if (!(error instanceof CambiumError)) throw error;
      const { code, message, hint } = error;
      emit({ type: "warning", code, message, ...(hint !== undefined && { hint }) });
      return new Set();
    }
  });
}
