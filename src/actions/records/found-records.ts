import type { Found } from "../../cache/read-record.ts";
import type { Remote } from "../../cache/remote.ts";
import type { Sources } from "../../cache/sources.ts";
import type { Emit } from "../../events.ts";
import { readPortableBuild } from "../../explain/read-portable.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { keepBuildOfElsewhere } from "../explain/elsewhere.ts";
import { usableRecords } from "./adopt-record.ts";

/**
 * Records of one kind of all sources that can be used here, the likeliest first.
 * @param build as `Remote.heads`
 */
export async function foundRecords<Kind extends { readonly layoutVersions: object; readonly told?: unknown }>(
  sources: Sources,
  build: string,
  read: (remote: Remote, head: string, emit: Emit) => Promise<Found<Kind> | undefined>,
  bench: Workbench,
): Promise<Found<Kind>[]> {
  const found = await sources.all(async (remote) => {
    const records: Found<Kind>[] = [];
    for (const head of await remote.heads(build)) {
      const record = await read(remote, head, bench.emit);
      if (record !== undefined) records.push(record);
    }
    return records;
  });
  const usable = usableRecords(found.flat(), bench);
  for (const { record, remote } of usable) {
    const told = readPortableBuild(record.told);
    if (told !== undefined) keepBuildOfElsewhere(told, remote.name, bench);
  }
  return usable;
}
