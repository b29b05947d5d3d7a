/**
 * Keeps this process's copies of Bloom filters, and exchanges their bits with the guard store.
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { StoreError } from "../CacheError.ts"
import { filters } from "../internal/defaults/guards.ts"
import * as Bits from "../internal/guard/bits.ts"
import { merge } from "../internal/guard/memory.ts"
import { chunksOf } from "../internal/time/chunks.ts"
import * as InTurns from "../internal/time/turns.ts"
import type { Block, GuardStore } from "../ports/guardStore.ts"
import { type AnyFiber, askUnlessResting, placeOf } from "./place.ts"

/** @internal */
export interface Filter {
  readonly id: string
  readonly size: Bits.Size
  readonly place: GuardStore
  layers: Array<KnownLayer>
  /** The number of requests to the guard store so far. It shows which answers may be older than the known bits. */
  questions: number
  waiting: Batch | undefined
  isSaving: boolean
}

/** This process's copy of a layer. It contains only saved bits, so that it never reports an unsaved item. */
interface KnownLayer extends Bits.Layer {
  readonly known: Map<number, Uint8Array>
  /** For each block, the value of `questions` when its bits were last received. */
  readonly learnedAt: Map<number, number>
  knownBits: number
  setBits: number
  unsavedBits: number
}

interface Batch {
  readonly items: Array<string>
  readonly saved: Deferred.Deferred<void, StoreError>
}

const filtersOf = new WeakMap<GuardStore, Map<string, Filter>>()

/** @internal */
export const filterOf = (fiber: AnyFiber, key: string, size: Bits.Size): Filter => {
  const place = placeOf(fiber)
  const known = filtersOf.get(place) ?? new Map<string, Filter>()
  filtersOf.set(place, known)
  // The id includes the size, because filters of different sizes have different bits.
  const id = `${key}:${size.capacity}:${size.errorRate}`
  const filter = known.get(id) ?? { id, size, place, layers: [], questions: 0, waiting: undefined, isSaving: false }
  if (!known.has(id)) {
    // Forgets the oldest filter. If that filter is used again, its bits are read from the guard store again.
    if (known.size >= filters.known) known.delete(known.keys().next().value!)
    known.set(id, filter)
    addLayer(filter)
  }
  return filter
}

const addLayer = (filter: Filter): KnownLayer => {
  const layer: KnownLayer = {
    ...Bits.layerOf(filter.size, filter.layers.length),
    known: new Map(),
    learnedAt: new Map(),
    knownBits: 0,
    setBits: 0,
    unsavedBits: 0
  }
  filter.layers.push(layer)
  return layer
}

const last = ({ layers }: Filter): KnownLayer => layers.at(-1)!

/** The context of an answer: the layers at the time of its request, and the number of the request. */
interface Answer {
  readonly layers: ReadonlyArray<KnownLayer>
  readonly askedAt: number
}

const ask = (filter: Filter): Answer => ({ layers: filter.layers, askedAt: ++filter.questions })

const learn = (filter: Filter, { askedAt, layers }: Answer, number: number, bytes: Uint8Array | undefined): void => {
  // Ignores the answer if all bits were removed after the request was sent.
  if (filter.layers !== layers) return
  if (number === Bits.layersBlock) {
    for (let index = filter.layers.length; index < filters.layers; index++) {
      if (bytes !== undefined && (bytes[index >>> 3]! & 1 << (index & 7)) !== 0) addLayer(filter)
    }
    return
  }
  const { block, index } = Bits.placeOf(number)
  const layer = filter.layers[index]
  if (layer === undefined) return
  const before = layer.known.get(block)
  let now = bytes ?? new Uint8Array(Bits.bytesOf(layer, block))
  // The answer may be older than the known bits, so bits that were learned since its request are kept.
  if (before !== undefined && askedAt <= layer.learnedAt.get(block)!) now = merge(before, now)
  layer.learnedAt.set(block, filter.questions)
  // A guard store in memory returns the same array until the bits change.
  if (before === now) return
  if (before === undefined) layer.knownBits += Bits.bitsIn(layer, block)
  layer.setBits += Bits.countBits(now) - (before === undefined ? 0 : Bits.countBits(before))
  layer.known.set(block, now)
}

const read = (fiber: AnyFiber, filter: Filter, numbers: ReadonlyArray<number>): Effect.Effect<void, StoreError> =>
  Effect.forEach(chunksOf(numbers, filters.chunk), (slice) =>
    Effect.suspend(() => {
      const answer = ask(filter)
      return Effect.map(
        askUnlessResting(fiber, filter.place, {
          operation: "readBits",
          run: Effect.suspend(() => filter.place.readBits(filter.id, slice)),
          isAnswer: (blocks): blocks is ReadonlyArray<Uint8Array | undefined> =>
            Array.isArray(blocks) && blocks.length === slice.length &&
            blocks.every((bytes, i) => bytes === undefined || isBlock(answer, slice[i]!, bytes))
        }),
        (blocks) => slice.forEach((number, i) => learn(filter, answer, number, blocks[i]))
      )
    }), { discard: true })

const isBlock = ({ layers }: Answer, number: number, bytes: unknown): boolean => {
  if (!(bytes instanceof Uint8Array)) return false
  if (number === Bits.layersBlock) return bytes.length === layersBytes
  const { block, index } = Bits.placeOf(number)
  const layer = layers[index]
  return layer === undefined || bytes.length === Bits.bytesOf(layer, block)
}

/** Saves blocks of bits in chunks. The first chunk also saves which layers exist. */
const save = (fiber: AnyFiber, filter: Filter, dirty: ReadonlyMap<number, Block>): Effect.Effect<void, StoreError> =>
  Effect.forEach(chunksOf([layersOf(filter), ...dirty.values()], filters.chunk), (slice) =>
    Effect.suspend(() => {
      const answer = ask(filter)
      return Effect.map(
        askUnlessResting(fiber, filter.place, {
          operation: "mergeBits",
          run: Effect.suspend(() => filter.place.mergeBits(filter.id, slice)),
          isAnswer: (blocks): blocks is ReadonlyArray<Uint8Array> =>
            Array.isArray(blocks) && blocks.length === slice.length &&
            blocks.every((bytes, i) => bytes instanceof Uint8Array && bytes.length === slice[i]!.bytes.length)
        }),
        (blocks) => slice.forEach(({ number }, i) => learn(filter, answer, number, blocks[i]))
      )
    }), { discard: true })

const layersBytes = Math.ceil(filters.layers / 8)

const layersOf = ({ layers }: Filter): Block => {
  const bytes = new Uint8Array(layersBytes)
  for (const { index } of layers) bytes[index >>> 3]! |= 1 << (index & 7)
  return { number: Bits.layersBlock, bytes }
}

/** Finds the blocks where bits of an item are not known to be set. `touched`: whether any bit is known to be set. */
const missingIn = (layer: KnownLayer, hash: Bits.Hash): { readonly blocks: Set<number>; readonly touched: boolean } => {
  const blocks = new Set<number>()
  let touched = false
  Bits.forEachBit(layer, hash, (block, byte, mask) => {
    const bytes = layer.known.get(block)
    if (bytes !== undefined && (bytes[byte]! & mask) !== 0) touched = true
    else blocks.add(block)
  })
  return { blocks, touched }
}

const isKnown = ({ layers }: Filter, hash: Bits.Hash): boolean =>
  layers.some((layer) => missingIn(layer, hash).blocks.size === 0)

/** Reads, from all existing layers, the blocks where bits of the item are not known to be set. */
const lookUp = (fiber: AnyFiber, filter: Filter, hash: Bits.Hash): Effect.Effect<void, StoreError> => {
  const from = (first: number): Effect.Effect<void, StoreError> => {
    const numbers = [Bits.layersBlock]
    for (const layer of filter.layers.slice(first)) {
      for (const block of missingIn(layer, hash).blocks) numbers.push(Bits.numberOf(layer, block))
    }
    const count = filter.layers.length
    return Effect.flatMap(
      read(fiber, filter, numbers),
      // The answer may have revealed layers that another process has added. These are searched as well.
      () => filter.layers.length > count ? from(count) : Effect.void
    )
  }
  return Effect.suspend(() => from(0))
}

/** Whether an item may have been added. If this process does not know the item, asks the guard store. @internal */
export const mayHave = (fiber: AnyFiber, filter: Filter, item: string): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() => {
    const hash = Bits.hashOf(item)
    return isKnown(filter, hash)
      ? Effect.succeed(true)
      : Effect.map(lookUp(fiber, filter, hash), () => isKnown(filter, hash))
  })

/** Whether any bit of an item is set, possibly by another item. @internal */
export const isTouched = (fiber: AnyFiber, filter: Filter, item: string): Effect.Effect<boolean, StoreError> =>
  Effect.suspend(() => {
    const hash = Bits.hashOf(item)
    return Effect.map(
      lookUp(fiber, filter, hash),
      () => filter.layers.some((layer) => missingIn(layer, hash).touched)
    )
  })

interface Addition {
  readonly dirty: Map<number, Block>
  /** How many unsaved bits of each layer belong to this addition. */
  readonly bits: Map<KnownLayer, number>
}

const setBits = (filter: Filter, { bits, dirty }: Addition, item: string): void => {
  makeRoom(filter)
  const layer = last(filter)
  const before = layer.unsavedBits
  Bits.forEachBit(layer, Bits.hashOf(item), (block, byte, mask) => {
    const number = Bits.numberOf(layer, block)
    let bits = dirty.get(number)
    if (bits === undefined) dirty.set(number, bits = { number, bytes: new Uint8Array(Bits.bytesOf(layer, block)) })
    const isSet = ((bits.bytes[byte]! | (layer.known.get(block)?.[byte] ?? 0)) & mask) !== 0
    if (!isSet) layer.unsavedBits++
    bits.bytes[byte]! |= mask
  })
  bits.set(layer, (bits.get(layer) ?? 0) + layer.unsavedBits - before)
}

/** Adds a layer if one more item would overfill the last layer, whose fill is estimated from its known blocks. */
const makeRoom = (filter: Filter): void => {
  const { bits, fullAt, hashes, knownBits, setBits, unsavedBits } = last(filter)
  const share = (knownBits === 0 ? 0 : setBits / knownBits) + (unsavedBits + hashes) / bits
  if (share > fullAt && filter.layers.length < filters.layers) addLayer(filter)
}

/** If this process does not know yet which layers exist and how full the last one is, asks the guard store. */
const sample = (fiber: AnyFiber, filter: Filter): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    const layer = last(filter)
    if (layer.knownBits > 0) return Effect.void
    const blocks = Array.from({ length: Math.min(layer.blocks, filters.chunk - 1) }, (_, block) => block)
    const numbers = [Bits.layersBlock, ...blocks.map((block) => Bits.numberOf(layer, block))]
    return Effect.flatMap(read(fiber, filter, numbers), () =>
      last(filter) === layer ? Effect.void : sample(fiber, filter))
  })

/**
 * Adds an item, and completes when the guard store has saved it. Until then, no caller sees the item as added. Items
 * that are added during a save are saved together after it. @internal
 */
export const add = (fiber: AnyFiber, filter: Filter, item: string): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    const batch = filter.waiting ??= { items: [], saved: Deferred.makeUnsafe() }
    batch.items.push(item)
    if (!filter.isSaving) {
      filter.isSaving = true
      // Not a child fiber, because the items of other callers must be saved even if this caller is interrupted.
      Effect.runForkWith(fiber.context as Context.Context<never>)(saveWaiting(fiber, filter))
    }
    return Deferred.await(batch.saved)
  })

const saveWaiting = (fiber: AnyFiber, filter: Filter): Effect.Effect<void> =>
  Effect.flatMap(Effect.yieldNow, () => {
    const batch = filter.waiting
    filter.waiting = undefined
    if (batch === undefined) {
      filter.isSaving = false
      return Effect.void
    }
    return Effect.exit(addMany(fiber, filter, batch.items)).pipe(
      Effect.flatMap((exit) => Deferred.done(batch.saved, exit)),
      Effect.andThen(saveWaiting(fiber, filter))
    )
  })

/** Adds many items, and completes when the guard store has saved them. @internal */
export const addMany = (fiber: AnyFiber, filter: Filter, items: Iterable<string>): Effect.Effect<void, StoreError> => {
  const addition: Addition = { dirty: new Map(), bits: new Map() }
  return sample(fiber, filter).pipe(
    Effect.andThen(InTurns.forEach(items, (item) => setBits(filter, addition, item))),
    Effect.andThen(Effect.suspend(() => save(fiber, filter, addition.dirty))),
    // Subtracts only this addition's bits, because other additions may still be in progress.
    Effect.ensuring(Effect.sync(() => {
      for (const [layer, bits] of addition.bits) layer.unsavedBits -= bits
    }))
  )
}

/** @internal */
export interface Known {
  readonly layers: ReadonlyArray<Bits.Layer & { readonly setBits: number }>
}

/** Reads all bits. @internal */
export const readAll = (fiber: AnyFiber, filter: Filter): Effect.Effect<Known, StoreError> =>
  Effect.gen(function*() {
    yield* read(fiber, filter, [Bits.layersBlock])
    for (const layer of filter.layers) {
      yield* read(fiber, filter, Array.from({ length: layer.blocks }, (_, block) => Bits.numberOf(layer, block)))
    }
    return filter
  })

/** Removes all bits. @internal */
export const clear = (fiber: AnyFiber, filter: Filter): Effect.Effect<void, StoreError> =>
  Effect.map(
    askUnlessResting(fiber, filter.place, {
      operation: "removeBits",
      run: Effect.suspend(() => filter.place.removeBits(filter.id)),
      isAnswer: (answer): answer is void => answer === undefined
    }),
    () => {
      // A new array, so that `learn` recognizes answers to earlier requests, and ignores them.
      filter.layers = []
      addLayer(filter)
    }
  )
