import type { Digest } from "../layer/digest.ts";
import type { DirectoryEntry, FileEntry, SpecialEntry, SymlinkEntry } from "../layer/entry.ts";
import type { Payload } from "../layer/segment.ts";
import type { ExcludedPath } from "./walk.ts";

/** A file whose bytes a source can give. */
export type ContentFile = Omit<FileEntry, "digest"> & {
  /** Equal for the hard links of one file. */
  readonly inode?: string;
};

export type ContentEntry = ContentFile | DirectoryEntry | SymlinkEntry | SpecialEntry;

/**
 * Files that a copy may take, whatever they are in: a folder, a stack of layers, an archive. Listed without being read.
 */
export interface ContentSource {
  /** For messages: `the build context /home/me/app`, `stage build`. */
  readonly where: string;
  /** Sorted by `comparePaths`, each path once, relative to the source's root. Parents may be missing. */
  readonly entries: readonly ContentEntry[];
  /** What an ignore file took out, for messages. */
  readonly excluded?: readonly ExcludedPath[];
  /** Of a file's content; read only when it is not known. */
  digest(file: ContentFile): Promise<Digest>;
  /** Where the pinned compressor has put the content already. */
  payload?(file: ContentFile): Payload | undefined;
  /**
   * The contents of files, in the order that costs least. Those that are the same may come once, and one may come again
   * when its layer has it twice. Read each content before asking for the next; its chunks may be used again after that.
   */
  read(files: readonly ContentFile[]): AsyncIterable<FileContent>;
}

export type FileContent = { readonly file: ContentFile; readonly content: AsyncIterable<Uint8Array> };
