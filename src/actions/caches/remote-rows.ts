import type { Remote } from "../../cache/remote.ts";
import { type RemoteRow, remoteRow } from "../../cache/remote-choice.ts";
import { createGate } from "../../fetch/gate.ts";
import type { Digest } from "../../layer/digest.ts";

const CONCURRENCY = 8;

/** All tags of a place, with what each leads to. @throws CambiumError as `Remote`. */
export async function remoteRows(remote: Remote): Promise<RemoteRow[]> {
  const gate = createGate(CONCURRENCY);
  const rows = await Promise.all(
    (await remote.tags()).map((tag) =>
      gate(async () => {
        const digest = await remote.manifestDigest(tag);
        return digest === undefined ? [] : [remoteRow(tag, digest as Digest)];
      }),
    ),
  );
  return rows.flat();
}
