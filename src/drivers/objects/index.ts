/**
 * Stores in buckets of objects: Amazon S3, Cloudflare R2, MinIO, Ceph, and others with the same interface.
 * @since 0.1.0
 */
export * as ObjectStore from "./ObjectStore.ts"
