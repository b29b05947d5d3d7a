/** A store that keeps payloads in another form, such as compressed. An entry that it cannot read is none. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../CacheEntry.ts"
import { type SerializerError, StoreError } from "../../CacheError.ts"
import type { Codec } from "../../ports/serializer.ts"
import type { Acquired, AcquireRequest, Store } from "../../ports/store.ts"
import type { TransactStep } from "../../ports/transact.ts"
import * as Turns from "../time/turns.ts"

/** Like `Effect.forEach`, over several turns: each step may compress or encrypt. */
const inTurns = <A, B, E>(
  items: ReadonlyArray<A>,
  f: (item: A, i: number) => Effect.Effect<B, E>
): Effect.Effect<ReadonlyArray<B>, E> =>
  Effect.suspend(() => {
    const made: Array<B> = []
    let at = 0
    const step = (item: A) => Effect.map(f(item, at++), (one) => void made.push(one))
    return Effect.as(Turns.forEachEffect(items, step), made)
  })

export const packed = (store: Store, codec: Codec<Uint8Array>): Store => {
  const mark = markOf(codec)
  const pack = (operation: string, id: string, { meta, payload }: Stored): Effect.Effect<Stored, StoreError> =>
    Effect.mapBothEager(codec.encode(payload, id, meta), {
      onFailure: (cause: SerializerError) =>
        new StoreError({ store: store.name, operation, reason: "Unsupported", cause }),
      onSuccess: (bytes): Stored => ({ meta, payload: marked(mark, bytes) })
    })

  /** Entries that were written before, in their usual form, are read as they are. */
  const unpack = (id: string, entry: Stored | undefined): Effect.Effect<Stored | undefined> => {
    if (entry === undefined || !isMarked(mark, entry.payload)) return Exit.succeed(entry)
    const { meta, payload } = entry
    return Effect.matchEager(codec.decode(payload.subarray(mark.length), id, meta), {
      onFailure: () => undefined,
      onSuccess: (payload): Stored => ({ meta, payload })
    })
  }

  const packAll = <Request extends { readonly id: string; readonly entry: Stored }>(
    operation: string,
    requests: ReadonlyArray<Request>
  ): Effect.Effect<ReadonlyArray<Request>, StoreError> =>
    inTurns(
      requests,
      (request) => Effect.map(pack(operation, request.id, request.entry), (entry): Request => ({ ...request, entry }))
    )

  const acquired = (request: AcquireRequest, answer: Acquired): Effect.Effect<Acquired, StoreError> => {
    if (answer._tag !== "Hit") return Exit.succeed(answer)
    return Effect.flatMap(unpack(request.id, answer.entry), (entry) =>
      entry === undefined
        ? Effect.map(acquire([{ ...request, rejectedWriteId: answer.entry.meta.writeId }]), ([again]) => again!)
        : Effect.succeed<Acquired>({ ...answer, entry }))
  }
  const acquire: Store["acquire"] = (requests) =>
    Effect.flatMap(
      store.acquire(requests),
      (answers) => inTurns(answers, (answer, i) => acquired(requests[i]!, answer))
    )

  const { transact } = store
  return {
    ...store,
    getUnsafe: undefined,
    getCallback: undefined,
    get: (id, tags) =>
      Effect.flatMap(
        store.get(id, tags),
        (answer) => Effect.map(unpack(id, answer.entry), (entry) => ({ ...answer, entry }))
      ),
    getMany: (ids) =>
      Effect.flatMap(store.getMany(ids), (entries) => inTurns(entries, (entry, i) => unpack(ids[i]!, entry))),
    set: (requests) => Effect.flatMap(packAll("set", requests), (own) => store.set(own)),
    acquire,
    commit: (requests) => Effect.flatMap(packAll("commit", requests), (own) => store.commit(own)),
    transact: transact && ((request) =>
      Effect.flatMap(
        inTurns(request.steps, (step): Effect.Effect<TransactStep, StoreError> =>
          "entry" in step
            ? Effect.map(pack("transact", step.id, step.entry), (entry) => ({ ...step, entry }))
            : Effect.succeed(step)),
        (steps) => transact({ ...request, steps })
      ))
  }
}

/** Bytes that begin no text, MessagePack or CBOR, so that a cache which does not know the form finds no value. */
const markOf = ({ id }: Codec<Uint8Array>): Uint8Array => Uint8Array.of(0xc1, 0xff, id)

const marked = (mark: Uint8Array, bytes: Uint8Array): Uint8Array => {
  const payload = new Uint8Array(mark.length + bytes.length)
  payload.set(mark)
  payload.set(bytes, mark.length)
  return payload
}

const isMarked = (mark: Uint8Array, payload: Uint8Array): boolean => mark.every((byte, i) => payload[i] === byte)
