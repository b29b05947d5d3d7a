/** Runs the store's operations. Concurrent operations share a transaction. Retries while another process writes. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { StoreError } from "../../CacheError.ts"
import { writeQueue } from "../../internal/defaults/folders.ts"
import { monotonicMillis } from "../../internal/time/monotonic.ts"
import * as Connection from "./connection.ts"
import { isRefusal, reasonOf } from "./fault.ts"
import * as Vacuum from "./file/vacuum.ts"
import * as Backoff from "./transactions/backoff.ts"
import * as Batch from "./transactions/batch.ts"
import * as Queue from "./transactions/queue.ts"

interface Retrying {
  readonly backoffs: Connection.Backoffs
  readonly millis: number
}

interface Options extends Retrying {
  readonly connection: Connection.Connection
  readonly clock: Clock.Clock
  readonly dispatcher: SchedulerDispatcher
  readonly scope: Scope.Scope
}

export interface Operations extends Options {
  readonly queue: Queue.Queue<Operation, unknown, StoreError>
  slowMillis: number
  isVacuuming: boolean
}

interface Operation<out A = unknown> {
  readonly name: string
  readonly steps: () => A
  readonly items: number
}

/** The kinds of operations, by name. Any other operation has the kind `storing`. */
const kinds = new Map<string, Connection.Kind>([
  ["set", { isKept: true, passes: false }],
  ["transact", { isKept: true, passes: false }],
  ["remove", { isKept: true, passes: true }],
  ["clear", { isKept: true, passes: true }],
  ["invalidateTags", { isKept: true, passes: true }],
  ["acquire", { isKept: false, passes: false, isFollowed: true }],
  ["renew", { isKept: false, passes: true }],
  ["release", { isKept: false, passes: true }],
  ["removeCounter", { isKept: false, passes: true }]
])

const storing: Connection.Kind = { isKept: false, passes: false }

const kindOf = (operation: string): Connection.Kind => kinds.get(operation) ?? storing

export const make = (options: Options): Operations => {
  const { clock, dispatcher } = options
  const self: Operations = {
    ...options,
    queue: Queue.make({
      now: () => monotonicMillis(clock),
      laneOf,
      dispatcher,
      run: (operations) => runTimed(self, operations)
    }),
    slowMillis: 0,
    isVacuuming: false
  }
  return self
}

/** Results of finished loads are stored first, because callers that wait for a lease have not done any work yet. */
const laneOf = ({ name }: Operation): Queue.Lane =>
  kindOf(name).passes ? "apart" : name === "commit" ? "first" : "others"

export const run = <A>(self: Operations, operation: Operation<A>): Effect.Effect<A, StoreError> => {
  const { name } = operation
  const once = Queue.run(self.queue, operation)
  const { backoffs } = self
  const millis = name === "acquire" ? self.millis * writeQueue.acquireShare : self.millis
  const retried = retrying(once as Effect.Effect<A, StoreError>, { backoffs, millis })
  return Effect.tap(retried, () => vacuum(self))
}

/** The total time, in milliseconds, during which the store was slow, including waits for other processes. */
export const workedMillis = ({ backoffs: { lock, values }, slowMillis }: Operations): number =>
  slowMillis + Backoff.allRefusedMillis(lock) + Backoff.allRefusedMillis(values)

const runTimed = (
  self: Operations,
  operations: ReadonlyArray<Operation>
): ReadonlyArray<Exit.Exit<unknown, StoreError>> => {
  const { clock, connection } = self
  const startedAt = monotonicMillis(clock)
  const exits = runAll(connection, operations)
  const tookMillis = monotonicMillis(clock) - startedAt
  const items = operations.reduce((sum, { items }) => sum + items, 0)
  self.slowMillis += Math.max(0, tookMillis - items * writeQueue.ordinaryMillis)
  return exits
}

/** Runs operations in one transaction. Because of their lanes, either all of their kinds have `passes`, or none. */
const runAll = (
  connection: Connection.Connection,
  operations: ReadonlyArray<Operation>
): ReadonlyArray<Exit.Exit<unknown, StoreError>> => {
  const alone = () =>
    operations.map(({ name, steps }) => exitOf(name, () => Connection.run(connection, steps, kindOf(name))))
  if (operations.length === 1) return alone()
  const steps = operations.map(({ steps }) => steps)
  const all = operations.map(({ name }) => kindOf(name))
  const kind = { isKept: all.some(({ isKept }) => isKept), passes: all.every(({ passes }) => passes) }
  const together = () => Batch.together(Connection.tables(connection).batch, steps)
  try {
    return Connection.run(connection, together, kind).map((ended, i) =>
      Result.isSuccess(ended)
        ? Exit.succeed(ended.success)
        : Exit.fail(toStoreError(operations[i]!.name, ended.failure))
    )
  } catch {
    // The transaction was rolled back. Each operation now runs alone, so that one failure does not affect the others.
    return alone()
  }
}

const exitOf = <A>(operation: string, run: () => A): Exit.Exit<A, StoreError> => {
  try {
    return Exit.succeed(run())
  } catch (thrown) {
    return Exit.fail(toStoreError(operation, thrown))
  }
}

const toStoreError = (operation: string, thrown: unknown): StoreError =>
  thrown instanceof StoreError
    ? thrown
    : new StoreError({ store: "sqlite", operation, reason: reasonOf(thrown, operation), cause: thrown })

/** Runs an operation, and retries it while another process writes. Every operation is safe to repeat. */
export const attempt = <A>(operation: string, options: Retrying, run: () => A): Effect.Effect<A, StoreError> =>
  retrying(Effect.suspend(() => exitOf(operation, run)), options)

const retrying = <A>(
  once: Effect.Effect<A, StoreError>,
  { backoffs: { lock, values }, millis }: Retrying
): Effect.Effect<A, StoreError> => {
  const refusedBy = (error: StoreError): Backoff.Refused | undefined => {
    if (isRefusal(error)) return { backoff: values, thrown: error }
    return error.reason === "Timeout" ? { backoff: lock, thrown: error.cause } : undefined
  }
  return Backoff.retrying(once, { millis, refusedBy })
}

/** The pause between two steps of `Vacuum`, which leaves most of the time to other operations. */
const vacuumEvery = "100 millis"

export const vacuum = (self: Operations): Effect.Effect<void> => {
  const { clock, connection, scope } = self
  if (self.isVacuuming || !Connection.tables(connection).vacuum.isDue) return Effect.void
  self.isVacuuming = true
  const step = attempt(
    "vacuum",
    self,
    () =>
      Connection.run(
        connection,
        () => Vacuum.step(Connection.tables(connection).vacuum, clock.currentTimeMillisUnsafe())
      )
  )
  const all = Effect.gen(function*() {
    while (yield* Effect.delay(step, vacuumEvery));
  })
  const untilEnd = Effect.ensuring(Effect.ignore(all), Effect.sync(() => self.isVacuuming = false))
  return Effect.asVoid(Effect.forkIn(untilEnd, scope))
}
