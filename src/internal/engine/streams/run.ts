/** The run of a stream: pulls the origin on demand, writes pages as they fill, and the manifest at the end. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Codec } from "../../../ports/serializer.ts"
import { turnMillis } from "../../defaults/bounds.ts"
import { streams } from "../../defaults/options.ts"
import { idOf } from "../../key/ofKey.ts"
import { pageId } from "../../store/pageIds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import type { Engine } from "../engine.ts"
import { detach } from "../flight/ending.ts"
import { FailedStream, Manifest, manifestIn } from "../memory/manifest.ts"
import { Within } from "../request/attempt.ts"
import type { Flight } from "../state.ts"
import { noteUnstored } from "../storeTier/faults.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import * as MemoryPages from "./memoryPages.ts"
import * as PageFormat from "./pageFormat.ts"
import * as Pages from "./pages.ts"
import { longestTtl, type StreamRequest } from "./request.ts"
import * as RunLog from "./runLog.ts"
import { sizeOf } from "./sizeOf.ts"

interface Writer {
  readonly tier: StoreTier
  readonly codec: Codec<unknown, any>
}

interface Run {
  readonly engine: Engine
  readonly flight: Flight | undefined
  readonly request: StreamRequest
  readonly log: RunLog.RunLog
  readonly clock: Clock.Clock
  readonly startedAt: number
  /** `undefined` if pages are not stored. */
  readonly writer: Writer | undefined
  encoded: Array<unknown>
  readonly former: Manifest | undefined
}

const runs = new WeakMap<RunLog.RunLog, Run>()

export const load = (request: StreamRequest): Effect.Effect<unknown, unknown, any> =>
  Effect.withFiber((fiber) => run(request, fiber.getRef(Within)?.flight))

const run = (request: StreamRequest, flight: Flight | undefined): Effect.Effect<unknown, unknown, any> =>
  Effect.withFiber((fiber) => {
    const { channel, engine, streaming } = request
    const { storeTier: tier } = engine
    const clock = fiber.getRef(Clock.Clock)
    const id = flight?.id ?? idOf(streaming.key)
    const log = RunLog.make(id, engine.tokens.next(8))
    const before = flight?.stale ?? engine.memory.entries.get(id)
    const run: Run = {
      engine,
      flight,
      request,
      log,
      clock,
      startedAt: monotonicMillis(clock),
      writer: tier !== undefined && flight?.policy.writes === true
        ? { tier, codec: PageFormat.codecsOf(tier, streaming.key).success }
        : undefined,
      encoded: [],
      former: before && manifestIn(before)
    }
    runs.set(log, run)
    channel.log = log
    for (const follow of Array.from(channel.followers)) follow(log)
    return Effect.onExit(
      pulling(run),
      (exit) => Effect.sync(() => RunLog.finish(log, exit))
    )
  })

const pulling = Effect.fnUntraced(function*(run: Run): Effect.fn.Return<Manifest, unknown, any> {
  const { log, request: { streaming } } = run
  // Opens the origin only on the first demand, because the consumer may leave before it asks for anything.
  waitForOrigin(run, false)
  yield* RunLog.demanded(log)
  const pull = yield* fromOrigin(run, Stream.toPull(streaming.origin))
  while (true) {
    yield* RunLog.demanded(log)
    const exit = yield* fromOrigin(run, Effect.exit(pull))
    if (Exit.isSuccess(exit)) {
      yield* append(run, exit.value)
      continue
    }
    if (!Pull.isDoneCause(exit.cause) && !Cause.hasFails(exit.cause)) return yield* exit as Exit.Exit<never, unknown>
    yield* closePage(run)
    if (log.isWhole && isTooLong(run)) breakUp(run)
    const manifest = manifestFor(run)
    if (Pull.isDoneCause(exit.cause)) return manifest
    return yield* Effect.failCause(Cause.map(exit.cause, (error) => new FailedStream(manifest, error)))
  }
})

/** Notes since when the run waits for its origin: a run that waits for consumers or the store does not hang. */
const waitForOrigin = ({ clock, flight }: Run, waits: boolean): void => {
  if (flight !== undefined) flight.attempt.aliveAt = waits ? monotonicMillis(clock) : Infinity
}

const fromOrigin = <A, E, R>(run: Run, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    waitForOrigin(run, true)
    return Effect.tap(effect, () => Effect.sync(() => waitForOrigin(run, false)))
  })

const manifestFor = ({ log }: Run): Manifest => {
  const manifest = new Manifest(log.run, log.count, log.bytes, log.elements)
  if (log.bytes <= streams.decodedBytes && log.pages.size === log.count) {
    manifest.decoded = Array.from(log.pages.values(), ({ elements }) => elements)
  }
  return manifest
}

const append = Effect.fnUntraced(function*(
  run: Run,
  elements: ReadonlyArray<unknown>
): Effect.fn.Return<void, never, any> {
  const { clock, log, writer } = run
  let turnBegan = monotonicMillis(clock)
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i]
    const part = writer === undefined || !log.isWhole ? undefined : yield* encode(run, writer.codec, element)
    const size = part === undefined ? sizeOf(element) : PageFormat.sizeOfPart(part)
    let page = RunLog.openPage(log)
    if (page.elements.length > 0 && page.bytes + size > streams.pageBytes) {
      yield* closePage(run)
      page = RunLog.openPage(log)
    }
    if (part !== undefined) run.encoded.push(part)
    RunLog.add(log, page, element, size)
    if (i % 64 === 63 && monotonicMillis(clock) - turnBegan >= turnMillis) {
      RunLog.wakeAll(log)
      yield* Effect.yieldNow
      turnBegan = monotonicMillis(clock)
    }
  }
  RunLog.wakeAll(log)
})

const encode = (
  run: Run,
  codec: Codec<unknown, any>,
  element: unknown
): Effect.Effect<unknown, never, any> => {
  const encoding = Effect.suspend(() => PageFormat.encode(codec, element, run.log.id))
  return Effect.map(Effect.exit(encoding), (exit) => Exit.isSuccess(exit) ? exit.value : unencodable(run, exit.cause))
}

/** Gives up storing a run, because an element or a page of it cannot be encoded. */
const unencodable = (run: Run, cause: Cause.Cause<unknown>): undefined => {
  const { log, request: { streaming: { key } }, writer } = run
  if (log.isWhole && writer !== undefined) noteUnstored(writer.tier, key, cause)
  breakUp(run)
  return undefined
}

const isTooLong = ({ clock, request: { streaming }, startedAt }: Run): boolean =>
  monotonicMillis(clock) - startedAt > streaming.maxRunMillis

/** Closes and writes the open page. If the run exceeds a limit, its result will not be stored. */
const closePage = Effect.fnUntraced(function*(run: Run): Effect.fn.Return<void, never, any> {
  const { clock, encoded, log, request: { engine, streaming }, writer } = run
  const page = log.pages.get(log.count - 1)
  if (page === undefined || page.isClosed) return
  const now = clock.currentTimeMillisUnsafe()
  run.encoded = []
  const payload = writer !== undefined && log.isWhole ? join(run, writer.codec, encoded) : undefined
  if (writer !== undefined && payload !== undefined) {
    if (PageFormat.isTable(writer.codec)) RunLog.resize(log, page, payload.length)
    page.isWritten = yield* Pages.write(writer.tier, {
      id: pageId(log.run, log.count - 1, log.id),
      key: streaming.key,
      codec: writer.codec,
      payload,
      now,
      expiresAt: now + longestTtl(streaming) + streaming.maxRunMillis
    })
    if (!page.isWritten) breakUp(run)
  }
  page.isClosed = true
  const { maxBytes = maxBytesOf(engine) } = streaming
  // The limit is lower if pages are not written, because they then stay in memory.
  const staysInMemory = writer === undefined && engine.storeTier !== undefined
  const most = staysInMemory ? Math.min(maxBytes, streams.maxBytes) : maxBytes
  if (log.isWhole && (log.bytes > most || isTooLong(run))) breakUp(run)
  RunLog.trim(log)
  RunLog.wakeAll(log)
  yield* RunLog.hasRoom(log)
})

const join = (run: Run, codec: Codec<unknown, any>, parts: ReadonlyArray<unknown>): Uint8Array | undefined => {
  const exit = PageFormat.join(codec, parts, run.log.id)
  return Exit.isSuccess(exit) ? exit.value : unencodable(run, exit.cause)
}

const maxBytesOf = ({ storeTier: tier }: Engine): number =>
  tier?.store.maxSize === undefined ? streams.maxBytes : tier.store.maxSize * streams.shareOfMaxSize

const breakUp = ({ engine, flight, log }: Run): void => {
  RunLog.breakUp(log)
  if (flight !== undefined && engine.flights.get(flight.id) === flight) detach(engine, flight.id)
}

export const settled = ({ channel: { log } }: StreamRequest, flight: Flight): void => {
  const run = log && runs.get(log)
  if (log === undefined || run === undefined || run.flight !== flight) return
  const { engine, former, writer } = run
  const { entry } = flight
  const manifest = entry && manifestIn(entry)
  const isKept = manifest?.run === log.run && flight.storable && flight.policy.writes
  if (isKept) manifest.isKept = true
  if (writer !== undefined) {
    const pages = { id: log.id, run: log.run, pages: log.count }
    if (!isKept) RunLog.disposeWith(log, () => Pages.removeBehind(writer.tier, pages))
    else if (former !== undefined) {
      Pages.removeReplaced(writer.tier, { id: log.id, run: former.run, pages: former.pages })
    }
    Pages.sweepIfDue(writer.tier, run.clock.currentTimeMillisUnsafe())
  } else if (isKept) MemoryPages.keep(engine, log, entry!)
}
