import { validateImage } from "../image/validate.ts";
import type { ValidationReport } from "./results.ts";
import { withImages } from "./session.ts";
import type { ValidateSettings } from "./settings.ts";
import { openSource } from "./source.ts";

/** Recomputes everything that an image states about itself. Problems are the result, not an error. */
export async function validate(settings: ValidateSettings): Promise<ValidationReport> {
  return withImages(settings, async (access) => {
    const source = await openSource(settings.source, settings.cwd, access);
    try {
      return await validateImage(source, { signal: settings.signal });
    } finally {
      await source.close();
    }
  });
}
