/**
 * One number for each thing whose bytes are computed. It goes up when equal input would give other bytes; the golden
 * digests in the tests say when. All of them stand in the definition key of an image, so that no new release answers
 * with what an older one made.
 */
export const LAYOUT_VERSIONS = {
  /** Image config and manifest. */
  image: 2,
  /** Tar headers, gzip members, order and prologue of a layer, the pinned compressor. */
  layer: 1,
  /** Segment of a wheel. */
  wheel: 1,
  /** Segments of bytecode: that of a wheel, that of the standard library. */
  bytecode: 2,
  /** The virtual environment around the wheels. */
  venv: 1,
  /** Segment of a .deb. */
  deb: 1,
  /** What no Debian package ships: accounts, caches, links. */
  base: 2,
  /** dpkg's database of a computed base that has dpkg. */
  dpkg: 2,
  /** Files of the build context. */
  files: 1,
  /** Files that a frontend made, such as an editable install. */
  generated: 1,
  /** Which packages share a layer. */
  grouping: 1,
} as const;
