/**
 * `import "../support/in-memory.ts"`: what the tests of a file write stands in memory, where the check has mounted some.
 * For those that write and remove trees of tens of thousands of files, for whom the disk is not the matter: ext4 looks past
 * each inode that was removed in the last minutes, which took a fifth of the check's time (`recently_deleted` in a profile).
 */
const memory = process.env.CAMBIUM_TEST_MEMORY;
if (memory !== undefined) process.env.TMPDIR = memory;
