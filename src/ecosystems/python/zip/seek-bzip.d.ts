declare module "seek-bzip" {
  type ByteSink = { writeByte(byte: number): void };
  /** Throws TypeError for data that is no bzip2 stream or fails its checksums. */
  const bunzip: { decode(input: Uint8Array, output: ByteSink, isMultistream?: boolean): void };
  export default bunzip;
}
