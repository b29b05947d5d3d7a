/** One process of the fleet: reads a given key over and over, and reports the values. */
import { Effect, Exit, Logger, Option, Queue } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { lease, loadTime, type News, type Order, type Places } from "./fleet.ts"

const [places, number] = process.argv.slice(2) as [string, string]
const { directory, url } = JSON.parse(places) as Places

type Has = Extract<News, { _tag: "Has" }>

const tell = (news: News) => Effect.sync(() => void process.send?.(news))

/** The slow origin that all processes read. Its content is in a file. */
const origin = (subject: string) => path.join(directory, `${subject}.txt`)

let isTold = false

const load = (subject: string) =>
  Effect.gen(function*() {
    isTold = false
    yield* tell({ _tag: "Loads" })
    const content = readFileSync(origin(subject), "utf8")
    yield* Effect.sleep(loadTime)
    return { content, loadedBy: number }
  })

const read = (subject: string) => load(subject).pipe(Cached.ttl(subject, { ttl: "1 hour" }))

const change = (subject: string, content: string) =>
  Effect.sync(() => writeFileSync(origin(subject), content)).pipe(Cached.invalidateAfter(subject))

const orders = Queue.unbounded<Order>().pipe(
  Effect.tap((queue) => Effect.sync(() => process.on("message", (order: Order) => Queue.offerUnsafe(queue, order))))
)

const program = Effect.gen(function*() {
  const queue = yield* orders
  let last: Has | undefined
  let [reads, failed] = [0, 0]
  yield* tell({ _tag: "Waits" })
  for (let subject: string | undefined;; yield* Effect.sleep("50 millis")) {
    const order = Option.getOrUndefined(yield* Queue.poll(queue))
    if (order?.content !== undefined) yield* change(order.subject, order.content)
    subject = order?.subject ?? subject
    if (subject === undefined) continue
    const exit = yield* Effect.exit(read(subject))
    reads++
    if (Exit.isFailure(exit)) failed++
    if (reads === 10 || failed > 0) {
      yield* tell({ _tag: "Reads", reads, failed })
      reads = failed = 0
    }
    if (Exit.isFailure(exit)) continue
    const has: Has = { _tag: "Has", ...exit.value }
    if (!isTold || has.content !== last?.content || has.loadedBy !== last.loadedBy) yield* tell(has)
    isTold = true
    last = has
  }
})

process.on("disconnect", () => process.exit())
await Effect.runPromise(
  program.pipe(
    Effect.provide(
      url === undefined
        ? CacheLayer.disk({ directory: path.join(directory, "cache"), lease })
        : CacheLayer.redis({ url, lease })
    ),
    // A lost server is one warning of each process, and the table shows it.
    Effect.provide(Logger.layer([]))
  )
)
