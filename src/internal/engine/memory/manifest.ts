/** What the entry of a stream has in place of a value: which run wrote its pages, and how it ended. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Entry } from "./entry.ts"

/** A stream that was stored. It is committed after its last page, so that it names a whole one. */
export class Manifest {
  readonly run: string
  readonly pages: number
  /** of its encoded elements; without a store, about as much as they take in memory */
  readonly bytes: number
  readonly elements: number
  /** all its pages, where they are small: then memory has them beside the manifest */
  decoded: ReadonlyArray<ReadonlyArray<unknown>> | undefined
  /** its pages are kept: it can be read again */
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

/** The failure with which a stream has ended, and what came before it. */
export class FailedStream {
  /** private, so that no log shows it */
  readonly #manifest: Manifest
  readonly error: unknown

  constructor(manifest: Manifest, error: unknown) {
    this.#manifest = manifest
    this.error = error
  }

  get manifest(): Manifest {
    return this.#manifest
  }

  /** that of the failure, for options that name failures by it */
  get _tag(): unknown {
    const { error } = this
    return typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  }
}

/** What a stored value, or failure, is of a stream; `undefined`: it is no stream's. */
const manifestOf = (value: unknown): Manifest | undefined =>
  value instanceof Manifest ? value : value instanceof FailedStream ? value.manifest : undefined

/** What an entry is of a stream; `undefined`: it is no stream's. */
export const manifestIn = ({ exit }: Pick<Entry, "exit">): Manifest | undefined =>
  manifestOf(Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause))

const streamed = new WeakSet<Entry>()

export const markOfStream = (entry: Entry): void => void streamed.add(entry)

export const isOfStream = (entry: Entry): boolean => streamed.has(entry)
