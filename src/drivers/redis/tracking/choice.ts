/**
 * Chooses the kind of reports under `coherence: "auto"`, from the share of reported changes that concern this process.
 * Under "keys", the server reports nothing else, so the process also asks for all changes of one in 4096 entries.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Limits from "../../../internal/defaults/redis.ts"
import { machineClock, monotonicMillis } from "../../../internal/time/monotonic.ts"
import type { Held } from "../../../ports/store.ts"
import type { Fault } from "../fault.ts"
import type { Coherence } from "../options.ts"
import type { Session } from "../session/session.ts"
import type { Ask } from "./client.ts"

type Kind = "broadcast" | "keys"

export interface Choice {
  readonly isFree: boolean
  isTaken: boolean
  /** Chooses the entries whose changes are counted under "keys". */
  readonly name: string
  kind: Kind
  changedAt: number
  /** The entries in memory. `undefined` until the cache has named them. */
  held: Held | undefined
  /** The beginning of the keys that are counted. */
  prefix: string
  countedAt: number
  told: number
  concerned: number
  /** The keys that were counted in the last moment: a key that was read is reported twice. */
  readonly recent: Set<string>
}

export const make = (coherence: Coherence, name: string): Choice => ({
  isFree: coherence === "auto",
  isTaken: false,
  name,
  kind: coherence === "keys" ? "keys" : "broadcast",
  changedAt: -Infinity,
  held: undefined,
  prefix: "",
  countedAt: 0,
  told: 0,
  concerned: 0,
  recent: new Set()
})

/** Takes the choice until the scope closes. If several caches use one store, only the first one chooses. */
export const claim = (self: Choice): Effect.Effect<Choice, never, Scope.Scope> =>
  Effect.suspend(() => {
    if (!self.isFree) return Effect.succeed(self)
    if (self.isTaken) return Effect.succeed(make("broadcast", self.name))
    self.isTaken = true
    return Effect.as(
      Effect.addFinalizer(() =>
        Effect.sync(() => {
          self.isTaken = false
          self.prefix = ""
          self.held = undefined
        })
      ),
      self
    )
  })

export const other = ({ kind }: Choice): Kind => kind === "keys" ? "broadcast" : "keys"

export const hold = (self: Choice) => (held: Held): void => void (self.held = held)

/** Starts to count again, under the present kind. */
const restart = (self: Choice): void => {
  self.countedAt = monotonicMillis(machineClock)
  self.told = self.concerned = 0
  self.recent.clear()
}

/** Notes a change, or that none was possible, so that the next change is not tried too soon. */
export const note = (self: Choice, kind: Kind): void => {
  // Other connections have not asked for it. The server refuses to be asked twice.
  if (kind !== self.kind) self.prefix = ""
  self.kind = kind
  self.changedAt = monotonicMillis(machineClock)
  restart(self)
}

/** Counts the report of an entry's change by another process. */
export const count = (self: Choice, key: string, id: string): void => {
  const { held, kind, prefix, recent } = self
  if (held === undefined) return
  if (kind === "keys") {
    if (prefix === "" || !key.startsWith(prefix) || recent.has(key)) return
    recent.add(key)
  }
  self.told++
  if (held.has(id)) self.concerned++
}

/** Waits until the other kind suits this process better. */
export const decide = Effect.fnUntraced(function*(
  self: Choice,
  session: Session,
  asks: ReadonlyArray<Ask>
): Effect.fn.Return<void, Fault> {
  const { above, below, countMillis, least, leastSampled, lookMillis, restMillis } = Limits.choice
  restart(self)
  for (;;) {
    yield* Effect.sleep(lookMillis)
    self.recent.clear()
    if (self.kind === "keys") yield* sample(self, session, asks)
    const now = monotonicMillis(machineClock)
    const { concerned, countedAt, kind, told } = self
    if (now - countedAt < countMillis || told < (kind === "keys" ? leastSampled : least)) continue
    self.countedAt = now
    self.told = self.concerned = 0
    const share = concerned / told
    if ((kind === "keys" ? share > above : share < below) && now - self.changedAt >= restMillis) return
  }
})

/** Asks for all changes of a few entries. Their keys contain the era, so it asks again in each era. */
const sample = Effect.fnUntraced(function*(
  self: Choice,
  { era, keys }: Session,
  asks: ReadonlyArray<Ask>
): Effect.fn.Return<void, Fault> {
  const prefix = era === undefined ? "" : keys.sample(era, self.name, Limits.choice.sampleSize)
  if (prefix === self.prefix || prefix === "") return
  yield* Effect.forEach(asks, (ask) => ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", prefix))
  self.prefix = prefix
})
