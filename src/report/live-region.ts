import type { LiveRegion, ReportStream } from "./reporter.ts";

/** A live region on a real terminal. The library is loaded here and not before: it takes 70 ms. */
export async function openLiveRegion(stream: ReportStream): Promise<LiveRegion> {
  const { createLogUpdate } = await import("log-update");
  const update = createLogUpdate(stream as NodeJS.WritableStream);
  return {
    draw: (lines) => update(lines.join("\n")),
    clear: () => {
      update.clear();
      // Shows the cursor again, which the first draw hides.
      update.done();
    },
  };
}
