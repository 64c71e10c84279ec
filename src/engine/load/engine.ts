export const engineKinds = ["docker", "podman", "containerd"] as const;
export type EngineKind = (typeof engineKinds)[number];

/** The caller's environment: where sockets and programs are. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A way to hand an image to a container engine of this machine. */
export type Engine = {
  readonly kind: EngineKind;
  /** For messages: a socket or a program. */
  readonly where: string;
  /** Why it cannot be used; undefined: it answers. */
  problem(signal: AbortSignal): Promise<string | undefined>;
  /** What the engine calls the image of a name: a digest, its config's or its manifest's. Absent: it cannot be asked. */
  readonly imageId?: (name: string, signal: AbortSignal) => Promise<string | undefined>;
  /**
   * Reads an image tar to its end; one that breaks off is never taken for whole.
   * @throws CambiumError `LOAD_FAILED`; whatever `tar` throws.
   */
  load(tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
};
