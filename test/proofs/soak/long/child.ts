/** A program that uses a cache in every way, in real time, until it is killed; it reports its sizes on request. */
import { Cause, Duration, Effect, Exit, Metric, Option, Result, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching, Transaction } from "effect-cached"
import { LoadTimeout } from "effect-cached/CacheError"
import { readdirSync } from "node:fs"
import { dice } from "../../consistency/random.ts"
import type { Held, Plan } from "./plan.ts"

const { seed, where } = JSON.parse(process.argv[2]!) as Plan
const { below, next, pick } = dice(seed)

/** For readers that leave on their own, or have no timeout. */
const maxLoad = "1 second"
const timeout = "200 millis"

const layer = () => {
  if (where._tag === "memory") return CacheLayer.memory({ capacity: 2000, maxLoad })
  if (where._tag === "disk") return CacheLayer.disk({ ...where.options, maxLoad })
  return CacheLayer.redis({ ...where.options, maxLoad })
}

let operations = 0
let fibers = 0
let failures = 0
let lastFailure = ""

/** A few are asked for all the time, many now and then, and some only once. */
const id = (): string =>
  next() < 0.7 ? `hot ${below(50)}` : next() < 0.8 ? `item ${below(5000)}` : `once ${seed} ${operations}`
const tag = () => `tag ${below(20)}`
const ttl = () => Duration.seconds(1 + below(20))
const text = "x".repeat(400)

/** One load in fifty hangs. */
const orHangs = <A, E, R>(load: Effect.Effect<A, E, R>) => Effect.suspend(() => next() < 0.02 ? Effect.never : load)

const load = orHangs(
  Effect.suspend(() =>
    next() < 0.05 ? Effect.fail("refused" as const) : Effect.as(Effect.sleep(below(5)), `${operations} ${text}`)
  )
)

class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.String }) {}

const items = Cached.many(
  Item,
  (keys) => orHangs(Effect.as(Effect.sleep(below(5)), keys.map((key) => Exit.succeed(`${key.id} ${text}`)))),
  { ttl: "10 seconds", timeout }
)

const rows = Effect.suspend(() =>
  Stream.range(1, 50).pipe(
    Stream.map((n) => `${n} ${text}`),
    Cached.stream(`rows ${below(10)}`, { ttl: ttl() }),
    next() < 0.3 ? Stream.take(10) : (stream) => stream,
    Stream.runDrain
  )
)

const move = Effect.suspend((from = `account ${below(5)}`, to = `account ${5 + below(5)}`) =>
  Transaction.run(Effect.gen(function*() {
    const amount = Option.getOrElse(yield* Cached.getOption(from), () => 100) as number
    yield* Cached.set(from, amount - 1, { ttl: "20 seconds" })
    yield* Cached.set(to, amount + 1, { ttl: "20 seconds" })
  }))
)

/** Most of what programs do are reads. */
const ways: ReadonlyArray<() => Effect.Effect<unknown, unknown, Caching.Caching>> = [
  ...Array.from({ length: 12 }, () => () => Cached.ttl(load, id(), { ttl: ttl(), tags: [tag()], timeout })),
  ...Array.from(
    { length: 4 },
    () => () =>
      Cached.softTtl(load, `soft ${below(500)}`, {
        softTtl: "2 seconds",
        ttl: "20 seconds",
        timeout,
        fallbackOn: "all"
      })
  ),
  () => Effect.timeoutOption(Cached.ttl(load, id(), { ttl: ttl() }), 2),
  () => items(Array.from({ length: 20 }, () => ({ id: below(2000) }))),
  () => Cached.getOption(id()),
  () => Cached.set(id(), text, { ttl: ttl(), tags: [tag()] }),
  () => Cached.invalidate(id()),
  () => Cached.remove(id()),
  () => Effect.when(Cached.invalidate({ tag: tag() }), Effect.sync(() => next() < 0.1)),
  () => Cached.counter(`count ${below(20)}`).increment(),
  () => rows,
  () => move
]

const worker = Effect.gen(function*() {
  for (;;) {
    operations++
    const result = yield* Effect.result(Effect.catchDefect(pick(ways)(), (defect) => Effect.fail(defect)))
    if (Result.isFailure(result) && result.failure !== "refused" && !(result.failure instanceof LoadTimeout)) {
      failures++
      lastFailure = Cause.pretty(Cause.fail(result.failure)).split("\n")[0]!
    }
    // Slower than the machine can be: how much is held at a time depends on the pace, which must stay the same.
    yield* Effect.sleep(10 + below(20))
  }
})

process.on("message", () => {
  // More than once: only the next collection frees objects that one finalizes.
  for (let i = 0; i < 3; i++) global.gc!()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  const held: Held = {
    heap: (heapUsed + arrayBuffers) / 1e6,
    handles: process.getActiveResourcesInfo().filter((name) => name !== "Timeout" && name !== "Immediate").length,
    fibers,
    files: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
    operations,
    failures,
    lastFailure
  }
  process.send!(held)
})
process.on("disconnect", () => process.exit())
await Effect.runPromise(
  Effect.all(Array.from({ length: 16 }, () => worker), { concurrency: "unbounded" }).pipe(
    Effect.provide(layer()),
    Effect.provideService(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => void fibers++,
      recordFiberEnd: () => void fibers--
    })
  )
)
