import type { CredentialBook } from "../ecosystems/python/index/credentials.ts";
import type { IndexLayer } from "../ecosystems/python/index/index-layer.ts";
import type { IndexSettings } from "../ecosystems/python/index/index-settings.ts";
import type { ResolveTools } from "../ecosystems/python/uv/uv-session.ts";
import { CambiumError } from "../errors.ts";
import type { Workbench } from "./workbench.ts";

export type IndexRequest = {
  readonly root: string;
  readonly layers: readonly IndexLayer[];
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
  /** Told what was read, before anything is downloaded. */
  readonly onOpen: (settings: IndexSettings, credentials: CredentialBook) => void;
  /** Path of an interpreter that uv can ask on a machine without one. */
  readonly fallbackInterpreter: () => Promise<string>;
};

/** The package indexes of a project, read when something first needs one: a build that knows everything never does. */
export type IndexAccess = {
  /**
   * The same for a build whose lock decides everything: settings that cannot be honoured matter to resolving alone, so
   * they are a notice there, and the archives are fetched as if nothing were configured. Asks a keyring for `urls`.
   */
  prepareDownloads(urls: readonly string[]): Promise<void>;
  forResolving(): Promise<{
    readonly settings: IndexSettings;
    readonly credentials: CredentialBook;
    readonly tools: ResolveTools;
  }>;
};

export function createIndexAccess(request: IndexRequest, bench: Workbench): IndexAccess {
  const { store, emit, signal, env } = bench;
  const open = async () => {
    const { readIndexSettings } = await import("../ecosystems/python/index/read-index-settings.ts");
    const { settings, credentials, notices } = await readIndexSettings({
      env,
      contextDir: request.root,
      inputLayers: request.layers,
      extraIndexUrls: request.extraIndexUrls,
      ...(request.indexUrl !== undefined && { indexUrl: request.indexUrl }),
    });
    for (const message of notices) emit({ type: "notice", message });
    request.onOpen(settings, credentials);
    const tools: ResolveTools = {
      env,
      storeRoot: store.root,
      exclusive: (name, work) => store.exclusive(name, work, { signal }),
      emit,
      signal,
      fallbackInterpreter: request.fallbackInterpreter,
      credentials,
    };
    return { settings, credentials, tools };
  };
  let opened: ReturnType<typeof open> | undefined;
  return {
    async prepareDownloads(urls) {
      try {
        const { credentials } = await this.forResolving();
        await credentials.prepare(urls);
      } catch (error) {
        if (!(error instanceof CambiumError) || !/^INDEX_SETTING_/.test(error.code)) throw error;
        emit({ type: "notice", message: `${error.message}; the lock decides instead` });
      }
    },
    forResolving() {
      opened ??= open();
      return opened;
    },
  };
}
