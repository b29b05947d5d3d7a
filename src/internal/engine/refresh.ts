import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { toMillis } from "../../Ttl.ts"
import type { Entry } from "./entry.ts"
import type { Flight } from "./flight.ts"
import { giveBack } from "./giveBack.ts"
import * as Load from "./load.ts"
import type { Engine } from "./model.ts"
import { tell } from "./observe.ts"
import * as Policy from "./policy.ts"
import type { Request } from "./request.ts"
import { failedTyped, limitUnattended } from "./waiting.ts"

export interface RefreshOptions {
  readonly context: Context.Context<never>
  readonly request: Request
  readonly id: string
  readonly entry: Entry
  readonly now: number
}

/** Loads anew with nobody waiting: one per id, so many at once, tried again when it fails, ended when it hangs. */
export const refresh = (self: Engine, options: RefreshOptions): void => {
  enqueue(self, options)
  drain(self)
}

/** As `refresh`, but begins only with the next `drain`. */
export const enqueue = (self: Engine, options: RefreshOptions): void => {
  const { context, entry, id, now, request } = options
  if (self.closed || self.flights.has(id) || isThrottled(self, request, id, now)) return
  const flight = Load.make(self, {
    id,
    request,
    context,
    policy: Policy.standard,
    parent: undefined,
    refresh: true,
    fetches: false,
    stale: entry,
    seen: entry.writeId
  })
  self.flights.set(id, flight)
  flight.counters.refreshes++
  if (self.watchers.events !== undefined) tell(self, request.key, id, { _tag: "Refresh" })
  flight.queued = true
  self.refreshing.queue.add(flight)
}

/** Starts what waits for room, from one loop: a refresh that ends at once would start the next inside itself. */
export const drain = (self: Engine): void => {
  const { concurrency, queue, running } = self.refreshing
  if (self.refreshing.draining) return
  self.refreshing.draining = true
  try {
    for (const flight of queue) {
      const { batch } = flight.request
      const unit = batch ?? flight
      // the flights of a batch begin together: it waits for all of them
      if (running.size >= concurrency && !running.has(unit)) {
        if (batch === undefined) break
        continue
      }
      running.add(unit)
      begin(self, flight)
    }
  } finally {
    self.refreshing.draining = false
  }
}

/** A refresh has ended, or a batch's last one. */
export const makeRoom = (self: Engine, flight: Flight): void => {
  const { batch } = flight.request
  if (batch !== undefined) {
    batch.flights.delete(flight)
    if (batch.flights.size > 0) return
  }
  if (self.refreshing.running.delete(batch ?? flight)) drain(self)
}

/** Somebody waits for it now: it need not wait for room any more. */
export const promote = (self: Engine, flight: Flight): void => {
  // nor need those of its batch, without which it does not load
  const { batch } = flight.request
  for (const one of batch?.flights ?? [flight]) if (one.queued) begin(self, one)
}

const begin = (self: Engine, flight: Flight): void => {
  self.refreshing.queue.delete(flight)
  flight.queued = false
  const { batch, load } = flight.request
  // what one try has said of its result is nothing to the next
  const anew = Effect.suspend(() => {
    flight.annotations = undefined
    return load
  })
  // a batch is tried again as a whole
  Load.launch(self, flight, batch?.options.retries === true ? load : retried(anew, self.refreshing.retry))
  limitUnattended(self, flight)
}

/** As `Effect.retry`, which makes something else of a failure with more than one reason. Only what is typed is tried again. */
export const retried = <A>(
  load: Effect.Effect<A, unknown, any>,
  schedule: Engine["refreshing"]["retry"]
): Effect.Effect<A, unknown, any> =>
  Effect.suspend(() => {
    let last: Exit.Exit<A, unknown> = Exit.die("not tried")
    const once = Effect.flatMap(Effect.exit(Effect.scoped(load)), (exit) => {
      last = exit
      return Exit.isFailure(exit) && failedTyped(exit.cause) ? Effect.fail(Cause.squash(exit.cause)) : Effect.void
    })
    return Effect.flatMap(Effect.exit(Effect.retry(once, schedule)), () => last)
  })

/** No other try before then. What is not read again is never looked at again: the table is bounded. */
export const holdOff = (self: Engine, id: string, until: number): void => {
  self.retryAt.set(id, until)
  for (const oldest of self.retryAt.keys()) {
    if (self.retryAt.size <= 10_000) break
    self.retryAt.delete(oldest)
  }
}

/** A load failed a moment ago: what is stale is served for a while without another try. */
export const isThrottled = (self: Engine, request: Request, id: string, now: number): boolean => {
  const retryAt = self.retryAt.get(id)
  if (retryAt === undefined) return false
  if (now >= retryAt) {
    self.retryAt.delete(id)
    return false
  }
  // who does not want to wait does not end the waiting of the others
  const input = request.options.retryAfter ?? request.strategy.retryAfter
  return input === undefined || toMillis(input, "retryAfter") > 0
}

/** Its result is stored nowhere and nobody joins it any more; those who wait get it still. */
export const detach = (self: Engine, id: string): void => {
  const flight = self.flights.get(id)
  if (flight === undefined) return
  flight.publishes = false
  self.flights.delete(id)
  // who comes now must not wait for what nobody will get
  giveBack(self, flight)
  // a refresh that has not begun, for what is no longer there
  if (flight.queued && flight.waiters.size === 0) {
    self.refreshing.queue.delete(flight)
    flight.request.batch?.leave(flight)
    makeRoom(self, flight)
  }
}
