/**
 * Reads objects, and changes them by conditional writes: an object is only replaced in the state that was read, so each
 * change is one atomic step, also among processes. A write that arrives late finds another state, and is refused.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { StoreError } from "../../../CacheError.ts"
import * as Defaults from "../../../internal/defaults/objects.ts"
import { remember } from "../../../internal/remember.ts"
import * as Lines from "../../../internal/store/fromStorage/lines.ts"
import { newVersion } from "../../../internal/store/markers/markers.ts"
import { type Bucket, pauseOf, send, serverNow } from "../bucket/client.ts"
import { refusal } from "../bucket/fault.ts"
import { type Kind, nameOf, placeOf } from "../bucket/names.ts"
import * as KnownVersions from "./knownVersions.ts"
import { type Body, decode, encode, type Head, lifeOf, none } from "./record.ts"

export interface Objects {
  readonly bucket: Bucket
  /** Changes of one object by this process run one after another, because they would only refuse each other. */
  readonly lines: Lines.Lines
  /** The last known states of objects without a frame, and of those with one, which are read again before a change. */
  readonly known: Map<string, Known>
  /** Objects of which a write may arrive late, since its answer is missing. */
  readonly doubtful: Map<string, true>
  /** The era, which is trusted for as long as the version of a tag. */
  readonly eras: KnownVersions.KnownVersions
}

interface Known {
  readonly etag: string
  readonly head: Head
  readonly hasFrame: boolean
}

/** The state of an object: its ETag if it exists, and its content if this library has written it. */
export interface Seen {
  readonly name: string
  readonly etag: string | undefined
  readonly body: Body | undefined
  /** When it was written, by the clock of the server. `NaN` if that is not known. */
  readonly modifiedAt: number
}

export const make = (bucket: Bucket): Objects => ({
  bucket,
  lines: Lines.make(),
  known: new Map(),
  doubtful: new Map(),
  // Alone, a process knows of each `clear`.
  eras: KnownVersions.make(bucket.guardsWrites ? bucket.config.tagMillis : Infinity)
})

const absent = (name: string): Seen => ({ name, etag: undefined, body: undefined, modifiedAt: NaN })

const readAt = (
  { bucket }: Objects,
  operation: string,
  name: string,
  id: string
): Effect.Effect<Seen, StoreError> =>
  Effect.flatMap(
    send(bucket, { operation, method: "GET", name }, [404]),
    ({ body, etag, modifiedAt, status }) => {
      if (status === 404) return Effect.succeed(absent(name))
      return etag === undefined
        ? refusal(operation, "Corrupt", "it gave an object without an ETag")
        : Effect.succeed({ name, etag, body: decode(body, id), modifiedAt })
    }
  )

export const read = (
  self: Objects,
  operation: string,
  kind: Kind,
  id: string
): Effect.Effect<Seen, StoreError> =>
  Effect.flatMap(
    placeNow(self, operation, kind),
    (place) => place === undefined ? Effect.succeed(absent("")) : readAt(self, operation, nameOf(place, id), id)
  )

const era = { kind: "r", id: "era" } as const

const isOfEra = (kind: Kind): boolean => kind === "e" || kind === "c"

/** The era as it is in the bucket now, whatever this process trusts. */
export const readEra = (self: Objects, operation: string): Effect.Effect<string | undefined, StoreError> =>
  Effect.map(read(self, operation, era.kind, era.id), ({ body }) => body?.head.version)

/** The place of the objects of a kind. `undefined` if there is no era, and so none of them. */
export const placeNow = (
  self: Objects,
  operation: string,
  kind: Kind
): Effect.Effect<string | undefined, StoreError> =>
  isOfEra(kind)
    ? Effect.map(
      self.eras.read(era.id, readEra(self, operation)),
      (era) => era === undefined ? undefined : placeOf(kind, era)
    )
    : Effect.succeed(placeOf(kind))

/**
 * Begins another era with one write: nothing of a former one is found from now on, and a later clean-up removes it. If
 * only a `missing` one is to begin, that of another process may be found.
 */
export const beginEra = (self: Objects, operation: string, missing?: "missing"): Effect.Effect<string, StoreError> =>
  inLine(
    self,
    era,
    Effect.suspend(() => {
      self.eras.forget(era.id)
      const begin = change(
        self,
        missing === undefined ? { operation, ...era, knows: "head" } : { operation, ...era },
        ({ body }): Next<string> => {
          const found = missing && body?.head.version
          if (found !== undefined) return { answer: found }
          const version = newVersion(self.bucket.tokens)
          return { answer: version, write: { head: { version }, frame: none } }
        }
      )
      return Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => Effect.tap(begin, (version) => Effect.sync(() => self.eras.set(era.id, version, now)))
      )
    })
  )

/** The new state of an object, or `undefined` if it is to stay as it is. */
export interface Next<A> {
  readonly answer: A
  readonly write?: Omit<Body, "head"> & { readonly head: Omit<Head, "id" | "stamp"> } | undefined
}

const lost = [404, 409, 412]

export interface Change {
  readonly operation: string
  readonly kind: Kind
  readonly id: string
  /** Whether a known state will do, of which the frame is not known, or only one that has no frame (`all` is known). */
  readonly knows?: "all" | "head" | undefined
  /** Whether the era that this process trusts will do, as it does for a read: in any case, or if nothing is written. */
  readonly trusts?: "era" | "eraUnlessWritten"
}

/**
 * Changes an object in one atomic step: reads it, unless its state is known, and writes what `step` returns. With
 * `isRepeated`, an earlier write of this change may have been carried out.
 */
export const change = <A>(
  self: Objects,
  asked: Change,
  step: (seen: Seen, isRepeated: boolean) => Next<A> | Effect.Effect<Next<A>, StoreError>
): Effect.Effect<A, StoreError> => {
  const { id, kind, knows, operation, trusts } = asked
  const stampOf = () => self.bucket.tokens.next(16)
  const again = Effect.suspend(() => change(self, { ...asked, knows: undefined }, step))
  /**
   * Asks for the era beside a step. A removal, an increment or a result in an era that another process has ended would
   * be lost, so it is made again.
   */
  const inEra = <B>(
    place: string,
    trusting: boolean,
    step: Effect.Effect<B, StoreError>,
    use: (done: B) => Effect.Effect<A, StoreError>
  ): Effect.Effect<A, StoreError> =>
    trusting || !isOfEra(kind) || !self.bucket.guardsWrites || self.bucket.config.tagMillis === 0
      ? Effect.flatMap(step, use)
      // If the question fails, the step still ends, so that its outcome is known.
      : Effect.flatMap(
        Effect.zip(step, Effect.exit(readEra(self, operation)), { concurrent: true }),
        ([done, found]) =>
          Effect.flatMap(found, (version) => {
            if (version !== undefined && placeOf(kind, version) === place) return use(done)
            self.eras.forget(era.id)
            return again
          })
      )
  const attempt = (place: string, tries: number, isRepeated: boolean): Effect.Effect<A, StoreError> => {
    const name = nameOf(place, id)
    const known = tries === 0 && knows !== undefined ? self.known.get(name) : undefined
    const usable = known !== undefined && known.head.id === id && (knows === "head" || !known.hasFrame)
    const seen = usable
      ? Effect.succeed<Seen>({ name, etag: known.etag, body: { head: known.head, frame: none }, modifiedAt: NaN })
      : readAt(self, operation, name, id)
    return Effect.flatMap(seen, (seen) => {
      const stepped = step(seen, isRepeated)
      const next = Effect.isEffect(stepped) ? stepped : Effect.succeed(stepped)
      return Effect.flatMap(next, ({ answer, write }) => {
        if (write === undefined) {
          // A known state may be outdated, and an answer must not depend on it.
          return usable
            ? (self.known.delete(name), attempt(place, 1, isRepeated))
            : inEra(place, trusts !== undefined, Effect.succeed(answer), Effect.succeed)
        }
        const head: Head = { id, stamp: stampOf(), ...write.head }
        const written = put(self, operation, { name, head, frame: write.frame, etag: seen.etag })
        return inEra(place, trusts === "era", written, (isWritten) => {
          if (isWritten === true) return Effect.succeed(answer)
          if (tries === Defaults.races.times) {
            return refusal(operation, "Unavailable", "other processes write the same object all the time")
          }
          const { firstMillis, mostMillis } = Defaults.races
          const pause = tries === 0 ? 0 : pauseOf(self.bucket, Math.min(mostMillis, firstMillis * 2 ** tries))
          return Effect.andThen(
            Effect.sleep(pause),
            Effect.suspend(() => attempt(place, tries + 1, isRepeated || isWritten === "unknown"))
          )
        })
      })
    })
  }
  return Effect.flatMap(placeNow(self, operation, kind), (place) =>
    place === undefined
      ? Effect.andThen(beginEra(self, operation, "missing"), again)
      : attempt(place, 0, false))
}

/** Writes an object if it is as it was read. `unknown`: it may have been written, and then replaced by a process. */
const put = (
  self: Objects,
  operation: string,
  { etag, frame, head, name }: Body & { readonly name: string; readonly etag: string | undefined }
): Effect.Effect<boolean | "unknown", StoreError> =>
  Effect.flatMap(
    Effect.tapError(
      Effect.flatMap(Clock.currentTimeMillis, (local) => {
        const life = lifeOf(head, frame, { local, server: serverNow(self.bucket, local) })
        const condition = self.bucket.guardsWrites ? { etag } : undefined
        return send(self.bucket, { operation, method: "PUT", name, body: encode(head, frame, life), condition }, lost)
      }),
      () =>
        Effect.sync(() => {
          self.known.delete(name)
          remember(self.doubtful, name, true, Defaults.remembered)
        })
    ),
    (reply) => {
      if (!lost.includes(reply.status)) {
        const { etag } = reply
        // The note of a failure may be large.
        if (etag === undefined || head.lease?.failed !== undefined) self.known.delete(name)
        else remember(self.known, name, { etag, head, hasFrame: frame.length > 0 }, Defaults.remembered)
        return Effect.succeed(true)
      }
      self.known.delete(name)
      // The condition may be broken by an earlier attempt of the same write.
      return reply.isRepeated
        ? Effect.map(
          send(self.bucket, { operation, method: "GET", name }, [404]),
          ({ body, status }): boolean | "unknown" =>
            status !== 404 && decode(body)?.head.stamp === head.stamp ? true : "unknown"
        )
        : Effect.succeed(false)
    }
  )

/** Changes an object after the operations on it that began before, and to the end even if its caller leaves. */
export const changeInLine = <A>(
  self: Objects,
  asked: Change,
  step: Parameters<typeof change<A>>[2],
  how?: "removal"
): Effect.Effect<A, StoreError> => inLine(self, asked, change(self, asked, step), how)

/** Runs an operation after those on the same object that began before, and to its end even if its caller leaves. */
export const inLine = <A>(
  { lines }: Objects,
  { id, kind }: Pick<Change, "id" | "kind">,
  effect: Effect.Effect<A, StoreError>,
  how: "removal" | "write" = "write"
): Effect.Effect<A, StoreError> => Lines.run(lines, nameOf(placeOf(kind), id), how, effect)
