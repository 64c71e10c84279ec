import type { z } from "zod";
import { CambiumError } from "../errors.ts";
import { describeIssues } from "../image/documents.ts";
import type { RegistryResponse, RepositoryClient } from "./repository-client.ts";

/** 1,000 tags a page make ten million. */
const MAX_PAGES = 10_000;
const MAX_PAGE_BYTES = 4 * 2 ** 20;

export type Page<T> = { readonly value: T; readonly headers: RegistryResponse["headers"] };

/**
 * The pages of a listing, by their `Link` headers (distribution-spec, "Listing Tags"). Ends at once with `undefined`
 * when the first is not there.
 * @throws CambiumError `REGISTRY_ANSWER` for what is no such listing, and as `RepositoryClient`.
 */
export async function readPages<Schema extends z.ZodType>(
  client: RepositoryClient,
  first: { readonly url: string; readonly what: string; readonly missing: readonly number[] },
  schema: Schema,
): Promise<Page<z.infer<Schema>>[] | undefined> {
  const pages: Page<z.infer<Schema>>[] = [];
  const { what } = first;
  const seen = new Set<string>();
  let next: string | undefined = first.url;
  while (next !== undefined) {
    if (seen.has(next) || seen.size >= MAX_PAGES) throw broken(client, what, "its pages do not end");
    seen.add(next);
    const url: string = next;
    const page = await client.retrying(what, () => readPage(client, url, first, schema));
    if (page === undefined) return undefined;
    pages.push(page);
    next = page.next;
  }
  return pages;
}

async function readPage<Schema extends z.ZodType>(
  client: RepositoryClient,
  url: string,
  { what, missing }: { readonly what: string; readonly missing: readonly number[] },
  schema: Schema,
): Promise<(Page<z.infer<Schema>> & { readonly next: string | undefined }) | undefined> {
  const answer = await client.send({ method: "GET", url, what });
  if (missing.includes(answer.status)) {
    await answer.discard();
    return undefined;
  }
  if (answer.status !== 200) throw await client.error(what, answer);
  const text = await boundedText(client, what, answer);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw broken(client, what, "it is not JSON");
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw broken(client, what, describeIssues(parsed.error));
  return { value: parsed.data, headers: answer.headers, next: nextOf(client, what, answer) };
}

async function boundedText(
  client: RepositoryClient,
  what: string,
  answer: RegistryResponse,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size > MAX_PAGE_BYTES) throw broken(client, what, `a page has more than ${MAX_PAGE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** `<url>; rel="next"`, of the same registry. (RFC 8288) */
function nextOf(client: RepositoryClient, what: string, answer: RegistryResponse): string | undefined {
  const match = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(answer.headers.link ?? "");
  if (match === null) return undefined;
  const next = URL.parse(match[1]!, answer.url);
  if (next === null || next.host !== new URL(answer.url).host)
    throw broken(client, what, "its next page is elsewhere");
  return `${next.pathname}${next.search}`;
}

function broken(client: RepositoryClient, what: string, problem: string): CambiumError {
  return new CambiumError("REGISTRY_ANSWER", `${client.name}: ${what}: not a listing: ${problem}`, {
    hint: "The registry does not follow the distribution specification here; check proxies before it.",
  });
}
