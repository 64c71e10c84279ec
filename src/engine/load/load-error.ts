import { CambiumError } from "../../errors.ts";
import type { EngineKind } from "./engine.ts";

export function loadFailed(kind: EngineKind, where: string, problem: string, cause?: unknown): CambiumError {
  return new CambiumError("LOAD_FAILED", `${kind} (${where}) did not take the image: ${problem}`, {
    hint: "The image is in the store all the same; -o type=docker,dest=FILE writes it to a file.",
    cause,
  });
}
