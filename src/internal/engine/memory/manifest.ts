/** A stream's entry holds a manifest, which identifies the run that wrote the pages, and the error of a failed run. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Entry } from "./entry.ts"

/** Describes a stored stream. The stream is complete, because its manifest is committed after the last page. */
export class Manifest {
  readonly run: string
  readonly pages: number
  /** The size of the encoded elements in bytes. Without a store, an estimate of the elements' size in memory. */
  readonly bytes: number
  readonly elements: number
  /** All decoded pages, if they are small. Memory then holds the pages together with the manifest. */
  decoded: ReadonlyArray<ReadonlyArray<unknown>> | undefined
  /** Whether the pages are stored, so that the stream can be read again. */
  isKept: boolean

  constructor(run: string, pages: number, bytes: number, elements: number) {
    this.run = run
    this.pages = pages
    this.bytes = bytes
    this.elements = elements
    this.decoded = undefined
    this.isKept = false
  }
}

export class FailedStream {
  /** Private, so that logs of the failure do not show the manifest. */
  readonly #manifest: Manifest
  readonly error: unknown

  constructor(manifest: Manifest, error: unknown) {
    this.#manifest = manifest
    this.error = error
  }

  get manifest(): Manifest {
    return this.#manifest
  }

  get _tag(): unknown {
    const { error } = this
    return typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  }
}

/** The manifest in a value or failure. `undefined` if the value does not belong to a stream. */
const manifestOf = (value: unknown): Manifest | undefined =>
  value instanceof Manifest ? value : value instanceof FailedStream ? value.manifest : undefined

export const manifestIn = ({ exit }: Pick<Entry, "exit">): Manifest | undefined =>
  manifestOf(Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))

const streamed = new WeakSet<Entry>()

export const markOfStream = (entry: Entry): void => void streamed.add(entry)

export const isOfStream = (entry: Entry): boolean => streamed.has(entry)
