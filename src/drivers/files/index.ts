/**
 * A store that keeps entries as plain files, which other programs can read.
 * @since 0.1.0
 */
export * as FilesStore from "./FilesStore.ts"
