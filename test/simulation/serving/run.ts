/** Runs a program against a cache under a schedule drawn from its seed, and records what a user can observe. */
import { Cause, Context, Effect, Exit, Layer, type Logger, References, Schedule, Scope } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { dice as diceFrom } from "../../../src/testing/internal/dice.ts"
import * as SeededScheduler from "../../../src/testing/SeededScheduler.ts"
import { accessOf, policies, type Policy } from "../../model/serving.ts"
import { under } from "../../model/under.ts"
import { type Dice, diceOf } from "../plan.ts"
import type { Failure, Load, Read, Run, Spec, Value, Write } from "./log.ts"
import { drawPlan, outcomeAt, type Plan } from "./plan.ts"

class Down {
  readonly _tag = "Down"
}
class Gone {
  readonly _tag = "Gone"
}
type Failed = Down | Gone

interface Recording {
  readonly plan: Plan
  readonly dice: Dice
  readonly now: () => number
  readonly log: Array<Load | Read | Write>
  seq: number
}

const notEnded = { ended: Infinity, endedAt: Infinity }

const load = (self: Recording, by: Read): Effect.Effect<Value, Failed> =>
  Effect.suspend(() => {
    const { id } = by.spec
    const begunAt = self.now()
    const { fails, millis } = outcomeAt(self.plan, self.dice, { at: begunAt, id })
    const load: Load = { _tag: "Load", n: ++self.seq, id, by, begunAt, ...notEnded, outcome: undefined }
    self.log.push(load)
    const steps = Effect.andThen(
      millis > 0 ? Effect.sleep(millis) : Effect.void,
      fails === undefined
        ? Effect.succeed<Value>({ id, n: load.n })
        : Effect.fail<Failed>(fails === "Down" ? new Down() : new Gone())
    )
    return Effect.onExit(steps, (exit) =>
      Effect.sync(() => {
        load.ended = ++self.seq
        load.endedAt = self.now()
        load.outcome = Exit.isSuccess(exit) ? "Value" : failureOf(exit.cause) ?? "Left"
      }))
  })

/** The failure of a load or read. */
const failureOf = ({ reasons: [reason] }: Cause.Cause<unknown>): Failure | undefined => {
  if (reason === undefined || !Cause.isFailReason(reason)) return undefined
  return reason.error instanceof Down ? "Down" : reason.error instanceof Gone ? "Gone" : undefined
}

const request = (self: Recording, by: Read): Effect.Effect<Value, unknown, Caching.Caching> => {
  const { beta, hits, id, outages, retryAfter, soft, softTimeout, strategy, ttl } = by.spec
  const effect = load(self, by)
  const storeFailures = outages === "storeFailures" ? ["Gone" as const] : undefined
  const base = { tags: [id], retryAfter, storeFailures }
  const falls = {
    ...base,
    softTimeout,
    fallbackOn: outages === "tags"
      ? ["Down" as const]
      : outages === "function"
      ? (cause: Cause.Cause<unknown>) => failureOf(cause) === "Down"
      : "all" as const
  }
  switch (strategy) {
    case "ttl":
      return Cached.ttl(effect, id, { ...base, ttl })
    case "softTtl":
      return Cached.softTtl(effect, id, { ...falls, ttl, softTtl: soft })
    case "refreshAhead":
      return Cached.refreshAhead(effect, id, { ...base, ttl, refreshAfter: soft })
    case "probabilistic":
      return Cached.probabilistic(effect, id, { ...base, ttl, beta })
    case "sliding":
      return Cached.sliding(effect, id, { ...base, ttl, idle: soft })
    case "maxHits":
      return Cached.maxHits(effect, id, { ...base, ttl, hits })
    case "dynamic":
      return Cached.maxHits(effect, id, { ...base, ttl, hits, refreshAfter: 1 })
    case "failover":
      return Cached.failover(effect, id, { ...falls, ttl })
    case "untilInvalidated":
      return Cached.untilInvalidated(effect, id, base)
  }
}

const policyOf = (dice: Dice): Policy =>
  dice.chance(0.92) ? "normal" : dice.pick(policies.filter((policy) => !accessOf[policy].forgets))

const read = (self: Recording, spec: Spec) =>
  Effect.suspend(() => {
    const policy = policyOf(self.dice)
    const read: Read = {
      _tag: "Read",
      n: ++self.seq,
      spec,
      policy,
      begunAt: self.now(),
      ...notEnded,
      exit: undefined
    }
    self.log.push(read)
    return Effect.onExit(under[policy](request(self, read)), (exit) =>
      Effect.sync(() => {
        read.ended = ++self.seq
        read.endedAt = self.now()
        read.exit = exit
      }))
  })

const reader = (self: Recording, spec: Spec, gap: number) =>
  Effect.gen(function*() {
    while (self.now() < self.plan.horizon) {
      yield* Effect.exit(read(self, spec))
      yield* Effect.sleep(1 + self.dice.below(self.dice.chance(0.05) ? 200 : gap))
    }
  })

const write = (self: Recording, id: string) =>
  Effect.suspend(() => {
    const kind = self.dice.pick(["remove", "soften", "soften", "set"] as const)
    const ttl = 40 + self.dice.below(200)
    const write: Write = { _tag: "Write", n: ++self.seq, id, kind, ttl, begunAt: self.now(), ended: Infinity }
    self.log.push(write)
    const value: Value = { id, n: write.n }
    const writing = kind === "remove"
      ? self.dice.chance(0.5) ? Cached.invalidate(id) : Cached.invalidate({ tag: id })
      : kind === "soften"
      ? Cached.invalidate({ tag: id }, { mode: "soft" })
      : Cached.set(id, value, { ttl, tags: [id] })
    return Effect.tap(writing, () => Effect.sync(() => void (write.ended = ++self.seq)))
  })

const writer = (self: Recording) =>
  Effect.gen(function*() {
    const { horizon, specs, writes } = self.plan
    for (let i = 0; i < writes; i++) {
      yield* Effect.sleep(self.dice.below((2 * horizon) / writes))
      yield* write(self, self.dice.pick(specs).id)
    }
  })

const layerOf = ({ concurrency, store }: Plan) => {
  const options = { refresh: { concurrency, retry: Schedule.recurs(0) } }
  return store === "none"
    ? CacheLayer.memory(options)
    : Layer.provide(CacheLayer.layer(options), MemoryStore.layer)
}

const quiet = Context.make(References.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())

/** The record of one seed, and the fault of the run itself. */
export const run = (seed: number): Run & { readonly crash: string | undefined } => {
  const dice = diceOf(diceFrom(seed * 2 + 1).nextDoubleUnsafe)
  const plan = drawPlan(dice)
  const schedule = SeededScheduler.make({ seed: seed * 2, yieldChance: plan.yieldChance })
  const self: Recording = { plan, dice, now: schedule.now, log: [], seq: 0 }
  const program = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Layer.fresh(layerOf(plan)), scope)
    const readers = plan.readers.map(({ gap, spec }) => reader(self, spec, gap))
    yield* Effect.provide(Effect.all([...readers, writer(self)], { concurrency: "unbounded" }), context)
    yield* Scope.close(scope, Exit.void)
  })
  const fiber = Effect.runForkWith(Context.merge(schedule.context, quiet))(program)
  schedule.settle()
  const exit = fiber.pollUnsafe()
  const crash = exit === undefined
    ? "the program has not ended"
    : Exit.isFailure(exit)
    ? Cause.pretty(exit.cause)
    : undefined
  return { specs: plan.specs, log: self.log, concurrency: plan.concurrency, crash }
}
