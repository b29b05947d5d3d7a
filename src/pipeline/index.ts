/**
 * Rows from a file or a stream, through a cached function, to a file or a sink.
 * @since 0.1.0
 */
export * as Pipeline from "./Pipeline.ts"
