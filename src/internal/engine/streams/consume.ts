/**
 * A consumer of a cached stream: reads the log of a run, or the pages of a manifest. At the same time it reads the
 * manifest like any other value: this read joins the flight, keeps it running, and ends when the flight ends.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { StreamCut, StreamLagged } from "../../../CacheError.ts"
import { streams } from "../../defaults/options.ts"
import { idOf } from "../../key/ofKey.ts"
import { pageId } from "../../store/pageIds.ts"
import type { Engine } from "../engine.ts"
import { invalidateIds } from "../invalidation/invalidate.ts"
import { FailedStream, Manifest } from "../memory/manifest.ts"
import { read } from "../read/read.ts"
import { Aside, Within } from "../request/attempt.ts"
import * as Policy from "../request/callPolicy.ts"
import { readContextOf } from "../request/context.ts"
import type { Rejected } from "../storeTier/storeTier.ts"
import * as MemoryPages from "./memoryPages.ts"
import * as Pages from "./pages.ts"
import { type Channel, make as makeRequest, ownCause, type Streaming, type StreamRequest } from "./request.ts"
import { load, settled } from "./run.ts"
import * as RunLog from "./runLog.ts"

type Chunk = ReadonlyArray<unknown>

interface Replay {
  readonly manifest: Manifest
  readonly decoded: ReadonlyArray<Chunk> | undefined
  readonly failed: FailedStream | undefined
  /** The pages read so far, as long as they are few enough to keep in memory. */
  collected: Array<Chunk> | undefined
}

interface Consumer {
  readonly engine: Engine
  readonly streaming: Streaming
  readonly id: string
  readonly scope: Scope.Scope
  channel: Channel | undefined
  attach: ((log: RunLog.RunLog) => void) | undefined
  log: RunLog.RunLog | undefined
  cursor: RunLog.Cursor | undefined
  replay: Replay | undefined
  reading: Fiber.Fiber<unknown, unknown> | undefined
  /** Whether the consumer finishes its log without its read, which was interrupted before it could join a new run. */
  isAlone: boolean
  answer: Exit.Exit<unknown, unknown> | undefined
  wake: (() => void) | undefined
  wakes: number
  hasBegun: boolean
  readonly ahead: Map<number, Fiber.Fiber<Chunk | Rejected | undefined>>
  pages: number
  elements: number
  lost: string | undefined
}

export const consume = (engine: Engine, streaming: Streaming): Stream.Stream<unknown, unknown, any> =>
  Stream.unwrap(Effect.withFiber((fiber) => {
    const { policy, within } = readContextOf(engine, fiber)
    if (policy.bypass) {
      return Effect.succeed(
        within === undefined ? streaming.origin : Stream.provideService(streaming.origin, Aside, fiber.getRef(Within))
      )
    }
    MemoryPages.attend(engine)
    return Effect.map(Effect.scope, (scope) => {
      const consumer = makeConsumer(engine, streaming, scope)
      const request = requestOf(consumer)
      const answer = read(engine, fiber, request)
      const pages = Exit.isExit(answer) && Exit.isSuccess(answer) && answer.value instanceof Manifest
        ? answer.value.decoded
        : undefined
      if (pages !== undefined) return Stream.fromArrays(...pages)
      return Stream.fromPull(Effect.as(start(consumer, answer), Effect.suspend(() => next(consumer)) as never))
    })
  }))

const makeConsumer = (engine: Engine, streaming: Streaming, scope: Scope.Scope): Consumer => ({
  engine,
  streaming,
  id: idOf(streaming.key),
  scope,
  channel: undefined,
  attach: undefined,
  log: undefined,
  cursor: undefined,
  replay: undefined,
  reading: undefined,
  isAlone: false,
  answer: undefined,
  wake: undefined,
  wakes: 0,
  hasBegun: false,
  ahead: new Map(),
  pages: 0,
  elements: 0,
  lost: undefined
})

const requestOf = (self: Consumer): StreamRequest =>
  makeRequest(self.engine, self.streaming, {
    load,
    settled,
    onFollow: (channel) => follow(self, channel),
    hasBegun: () => self.hasBegun
  })

const start = (self: Consumer, answer: Effect.Effect<unknown, unknown, any>): Effect.Effect<void, never, any> =>
  Effect.flatMap(Scope.addFinalizer(self.scope, Effect.sync(() => leave(self))), () =>
    Effect.map(
      Effect.forkIn(answer, self.scope, { startImmediately: true }),
      (fiber: Fiber.Fiber<unknown, unknown>) => {
        self.reading = fiber
        fiber.addObserver((exit) => {
          if (self.reading !== fiber) return
          self.answer = exit
          wake(self)
        })
      }
    ))

/** Waits for a flight, and attaches to the flight's log once there is one. */
const follow = (self: Consumer, channel: Channel | undefined): void => {
  if (self.log !== undefined && self.hasBegun) return goOnAlone(self)
  leave(self)
  // Without a channel, the flight belongs to an effect with the same key, which has no log.
  if (channel === undefined) return
  self.channel = channel
  if (channel.log !== undefined && channel.log.end === undefined) attach(self, channel.log)
  else channel.followers.add(self.attach ??= (log) => attach(self, log))
}

/** Continues with only the log. A tag was invalidated after the consumer joined, so its read would join a new run. */
const goOnAlone = (self: Consumer): void => {
  const { reading } = self
  self.isAlone = true
  // The read is interrupted in a later step, because its fiber has not begun to wait yet.
  if (reading !== undefined) {
    Effect.runForkWith(self.engine.context)(Effect.andThen(Effect.yieldNow, Fiber.interrupt(reading)))
  }
  wake(self)
}

const attach = (self: Consumer, log: RunLog.RunLog): void => {
  leaveChannel(self)
  if (self.log !== undefined) return
  self.log = log
  const { emit, lagMillis } = self.streaming
  self.cursor = {
    page: 0,
    offset: 0,
    wantsAll: emit === "whenComplete" && !self.hasBegun,
    lagMillis,
    isLagging: false,
    isWaiting: false,
    heldUpMillis: 0,
    wake: () => wake(self)
  }
  RunLog.join(log, self.cursor)
  wake(self)
}

const leaveChannel = (self: Consumer): void => {
  if (self.attach !== undefined) self.channel?.followers.delete(self.attach)
}

const leave = (self: Consumer): void => {
  leaveChannel(self)
  self.ahead.clear()
  const { cursor, log } = self
  self.log = undefined
  self.cursor = undefined
  if (log === undefined || cursor === undefined) return
  RunLog.leave(log, cursor)
}

const wake = (self: Consumer): void => {
  const { wake } = self
  self.wakes++
  self.wake = undefined
  wake?.()
}

const happened = ({ log, wakes }: Consumer): number => wakes + (log === undefined ? 0 : log.wakes)

const waiting = (self: Consumer): Effect.Effect<Chunk, unknown, any> => {
  const seen = happened(self)
  return Effect.flatMap(
    Effect.callback<void>((resume) => {
      if (happened(self) !== seen) return resume(Effect.void)
      const { cursor, log } = self
      self.wake = () => {
        if (cursor !== undefined) cursor.isWaiting = false
        resume(Effect.void)
      }
      if (cursor !== undefined && log !== undefined) RunLog.ask(log, cursor)
      return Effect.sync(() => {
        self.wake = undefined
        if (cursor !== undefined) cursor.isWaiting = false
      })
    }),
    () => next(self)
  )
}

const next = (self: Consumer): Effect.Effect<Chunk, unknown, any> => {
  if (self.replay !== undefined) return nextOfReplay(self, self.replay)
  if (self.log !== undefined) return nextOfLog(self, self.log, self.cursor!)
  return self.answer === undefined ? waiting(self) : nextOfAnswer(self, self.answer)
}

const nextOfAnswer = (self: Consumer, answer: Exit.Exit<unknown, unknown>): Effect.Effect<Chunk, unknown, any> => {
  if (Exit.isFailure(answer)) {
    const error = Cause.squash(answer.cause)
    const isStored = error instanceof FailedStream && error.manifest.isKept
    if (isStored && error.manifest.run === self.lost) return readAgain(self, Policy.refreshing)
    if (isStored) return replay(self, error.manifest, error)
    return Exit.failCause(ownCause(answer.cause))
  }
  const { value } = answer
  if (value instanceof Manifest) {
    // Another reader of the flight found the lost run's manifest in the store.
    if (value.run === self.lost) return readAgain(self, Policy.refreshing)
    return replay(self, value, undefined)
  }
  // The value in memory was loaded by an effect with the same key, so the stream is loaded instead.
  return again(self)
}

/** Fails a consumer that lacks a page of a run. The next consumer starts a new run. */
const cut = (self: Consumer, run: string): Effect.Effect<never, StreamCut> => {
  const { channel, engine, id } = self
  const leader = engine.flights.get(id)?.request as StreamRequest | undefined
  const isRunning = channel !== undefined && leader?.channel === channel
  const fail = Effect.fail(new StreamCut({ key: id }))
  return Effect.flatMap(Policy.Current, ({ writes }) => {
    if (!writes) return fail
    const isCurrent = isRunning ? Effect.succeed(true) : isNamed(self, run)
    return Effect.flatMap(isCurrent, (is) => is === true ? Effect.andThen(invalidateIds(engine, [id]), fail) : fail)
  })
}

/** Whether the store has a run. */
const isNamed = ({ engine: { storeTier: tier }, id }: Consumer, run: string): Effect.Effect<boolean | undefined> =>
  tier === undefined ? Effect.succeed(false) : Pages.isNamed(tier, { id, run })

const nextOfLog = (self: Consumer, log: RunLog.RunLog, cursor: RunLog.Cursor): Effect.Effect<Chunk, unknown, any> => {
  const answer = self.isAlone ? log.end : self.answer
  if (cursor.isLagging) {
    self.engine.meter?.streamed("lagged")
    return Effect.fail(new StreamLagged({ key: self.id }))
  }
  const { end } = log
  if (!self.hasBegun) {
    // As long as the consumer has received no element, a stale stream may still replace the whole log.
    const isFailed = end !== undefined && Exit.isFailure(end)
    if (answer === undefined && (isFailed || (cursor.wantsAll && log.isWhole))) return waiting(self)
    if (
      answer !== undefined && Exit.isSuccess(answer) && answer.value instanceof Manifest && answer.value.run !== log.run
    ) {
      leave(self)
      return nextOfAnswer(self, answer)
    }
  }
  cursor.wantsAll = false
  const chunk = RunLog.next(log, cursor)
  if (chunk === "elsewhere") return nextOfStore(self, log, cursor)
  if (chunk !== undefined) return emit(self, chunk)
  const failure = failureOf(answer)
  if (failure !== undefined) return Exit.failCause(ownCause(failure.cause))
  if (end === undefined || answer === undefined) return waiting(self)
  return Exit.isFailure(end) ? Exit.failCause(ownCause(end.cause)) : Cause.done()
}

/** The read's failure, which ends the consumer at once: if a closing layer interrupts a run, its log may never end. */
const failureOf = (answer: Exit.Exit<unknown, unknown> | undefined) =>
  answer !== undefined && Exit.isFailure(answer) ? answer : undefined

const emit = (self: Consumer, chunk: Chunk): Effect.Effect<Chunk> => {
  self.hasBegun = true
  return Effect.succeed(chunk)
}

const nextOfStore = (self: Consumer, log: RunLog.RunLog, cursor: RunLog.Cursor): Effect.Effect<Chunk, unknown, any> =>
  Effect.flatMap(readPage(self, { run: log.run, page: cursor.page, end: RunLog.firstInMemory(log) }), (page) => {
    if (self.log !== log) return next(self)
    if (page === undefined) return cut(self, log.run)
    const elements = page.slice(cursor.offset)
    RunLog.passPage(log, cursor)
    return elements.length === 0 ? next(self) : emit(self, elements)
  })

interface Asked {
  readonly run: string
  readonly page: number
  readonly end: number
}

/** Reads a page, and begins to read the next ones, so that the consumer need not wait for a round trip at each page. */
const readPage = (self: Consumer, { end, page, run }: Asked): Effect.Effect<Chunk | undefined, never, any> => {
  const { ahead, engine: { storeTier: tier }, id, scope, streaming: { key } } = self
  if (tier === undefined) return Effect.undefined
  const read = (page: number) => Pages.read(tier, key, pageId(run, page, id))
  // Reading ahead gains nothing with a synchronous store.
  if (tier.store.getUnsafe !== undefined) return Pages.unlessRejected(read(page))
  const last = Math.min(end - 1, page + streams.pagesAhead)
  const begin = (next: number): Effect.Effect<void, never, any> =>
    next > last ? Effect.void : Effect.flatMap(
      ahead.has(next) ? Effect.void : Effect.map(
        Effect.forkIn(read(next), scope, { startImmediately: true }),
        (fiber) => void ahead.set(next, fiber)
      ),
      () => begin(next + 1)
    )
  return Effect.flatMap(begin(page), () => {
    const reading = ahead.get(page)
    ahead.delete(page)
    return Pages.unlessRejected(reading === undefined ? read(page) : Fiber.join(reading))
  })
}

const replay = (
  self: Consumer,
  manifest: Manifest,
  failed: FailedStream | undefined
): Effect.Effect<Chunk, unknown, any> => {
  const { engine, id } = self
  const decoded = manifest.decoded ??
    (engine.storeTier === undefined ? MemoryPages.read(engine, id, manifest) : undefined)
  self.replay = { manifest, decoded, failed, collected: isSmall(manifest) ? [] : undefined }
  return next(self)
}

/** Whether memory can hold all elements. A table of few bytes can have many: a page has 64 KiB of them. */
const isSmall = ({ bytes, pages }: Manifest): boolean =>
  bytes <= streams.decodedBytes && pages <= 2 * streams.decodedBytes / streams.pageBytes + 1

const nextOfReplay = (self: Consumer, replay: Replay): Effect.Effect<Chunk, unknown, any> => {
  const { manifest, failed } = replay
  const page = self.pages
  if (page >= manifest.pages) {
    // The number of elements shows that the store has returned pages other than those that were written.
    if (replay.decoded === undefined && self.elements !== manifest.elements) return cut(self, manifest.run)
    if (replay.collected?.length === manifest.pages) manifest.decoded ??= replay.collected
    return failed === undefined ? Cause.done() : Exit.fail(failed.error)
  }
  const decoded = replay.decoded?.[page]
  if (decoded !== undefined) {
    self.pages++
    return emit(self, decoded)
  }
  return Effect.flatMap(readPage(self, { run: manifest.run, page, end: manifest.pages }), (read) => {
    if (read === undefined) {
      if (page > 0) return cut(self, manifest.run)
      self.lost = manifest.run
      if (failed === undefined) return again(self)
      // If the store does not have this run, another process has shared only its failure, which is then the answer.
      return Effect.flatMap(
        isNamed(self, manifest.run),
        (isNamed) => isNamed === true ? again(self) : Exit.fail(failed.error)
      )
    }
    self.pages++
    self.elements += read.length
    replay.collected?.push(read)
    return emit(self, read)
  })
}

const again = (self: Consumer): Effect.Effect<Chunk, unknown, any> => readAgain(self, loading)

const readAgain = (
  self: Consumer,
  change: (policy: Policy.Policy) => Policy.Policy
): Effect.Effect<Chunk, unknown, any> =>
  Effect.suspend(() => {
    self.replay = undefined
    self.answer = undefined
    self.ahead.clear()
    const anew = Effect.updateService(requestOf(self), Policy.Current, change)
    return Effect.flatMap(start(self, anew), () => next(self))
  })

/** A policy that skips memory and the store, but can join a run that another reader has started. */
const loading = (policy: Policy.Policy): Policy.Policy => ({ ...policy, readsEntries: false })
