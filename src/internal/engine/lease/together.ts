/** Store steps of single flights. In a turn, the first few flights ask alone, without a delay, the others in waves. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import type { StoreError } from "../../../CacheError.ts"
import type { Answer, CommitRequest, Store } from "../../../ports/store.ts"
import { together, waves } from "../../defaults/bounds.ts"
import { only } from "../../store/many.ts"
import { chunksOf, startsOf } from "../../time/chunks.ts"
import { endWaiting, startWaiting } from "../../time/programTime.ts"
import * as TurnLimit from "../../time/turnLimit.ts"
import { forEachWave } from "../../time/waves.ts"
import { optionOf } from "../request/rules.ts"
import type { Flight, Flights } from "../state.ts"
import { ask, type Asking, exitBefore, lateBy, timeOf } from "../storeTier/ask.ts"
import { spawn } from "../storeTier/background.ts"
import { noEntryId } from "../storeTier/fetchMany.ts"
import type { Budget, Elsewhere, Fault, StoreTier, WriteGrant } from "../storeTier/storeTier.ts"
import { takeAnswer } from "./held.ts"
import { acquire, commitAll, makeWave } from "./wave.ts"

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly budget: Budget
  readonly since: number
  readonly lates: number
  readonly resume: (answer: Effect.Effect<Answer>) => void
}

interface Line<Item, Answer> {
  readonly tier: StoreTier
  readonly send: (items: ReadonlyArray<Item>, budget: Budget) => Effect.Effect<ReadonlyArray<Answer>, never, any>
  waiting: Array<Waiting<Item, Answer>>
  isMoving: boolean
  /** The number of waves that exceeded their budgets. Flights in the line when such a wave ends lose their budgets. */
  lates: number
}

type Acquiring = WriteGrant | Elsewhere | Fault | undefined

interface Commit extends CommitRequest {
  readonly flight: Flight
}

/** A flight that waits for its entry, together with the others of its turn. */
interface Get {
  readonly id: string
  readonly tags: ReadonlyArray<string>
  readonly resume: (answer: Effect.Effect<Answer, StoreError>) => void
  isGone: boolean
}

interface Lines {
  readonly alone: TurnLimit.TurnLimit
  gets: Array<Get>
  readonly acquires: Line<Flight, Acquiring>
  readonly commits: Line<Commit, boolean | StoreError>
}

const linesOf = (self: Flights, tier: StoreTier): Lines => {
  const known = lines.get(tier)
  if (known !== undefined) return known
  const made: Lines = {
    alone: TurnLimit.make(together.alone, self.work.dispatcher),
    gets: [],
    acquires: { tier, send: acquireAll, waiting: [], isMoving: false, lates: 0 },
    commits: {
      tier,
      send: (commits, budget) => commitAll(makeWave(commits[0]!.flight, budget), commits),
      waiting: [],
      isMoving: false,
      lates: 0
    }
  }
  lines.set(tier, made)
  return made
}

const lines = new WeakMap<StoreTier, Lines>()

/** Whether several other flights have asked for leases in this turn, so that this one waits for a wave. */
export const isCrowded = (self: Flights, { budget, tier }: Asking, { policy, request, starter }: Flight): boolean =>
  fitsWave(budget, tier) &&
  // Calls for many keys have waves of their own.
  request.batch === undefined && policy.storeTimeoutMillis === undefined &&
  optionOf(self, request, "shareLoad") === undefined && !self.isPrivate && !tier.background.isClosed &&
  // `Effect.runSync` cannot wait for a later turn.
  Context.get(starter.context, Scheduler.Scheduler).executionMode === "async" &&
  !TurnLimit.tryEnter(linesOf(self, tier).alone)

/** Whether a flight that begins now may ask alone. */
export const asksAlone = (self: Flights, tier: StoreTier): boolean => linesOf(self, tier).alone.left > 0

/** Whether a wave suits a flight: it may take as long as its largest budget or, on a cluster, as the slowest server. */
const fitsWave = ({ leftMillis }: Budget, { store: { capabilities }, storeTimeoutMillis }: StoreTier): boolean =>
  capabilities.sharded !== true && leftMillis >= storeTimeoutMillis / 2

export const acquireTogether = (self: Flights, flight: Flight, { budget, tier }: Asking): Effect.Effect<Acquiring> =>
  inWave(linesOf(self, tier).acquires, flight, budget)

export const commitTogether = (
  self: Flights,
  commit: Commit,
  { budget, tier }: Asking
): Effect.Effect<boolean | StoreError> => {
  const { entry, generation, id } = commit
  return fitsWave(budget, tier)
    ? inWave(linesOf(self, tier).commits, commit, budget)
    : ask(tier, budget, "commit", only(tier.store.commit([{ id, generation, entry }])))
}

const acquireAll: Lines["acquires"]["send"] = (flights, budget) => {
  // Skips abandoned and replaced flights (not storable): two flights of one id would share, and release, one lease.
  const asked = flights.filter(({ storable }) => storable)
  const [first] = asked
  if (first === undefined) return Effect.succeed(flights.map(() => undefined))
  const wave = makeWave(first, budget)
  return Effect.map(
    acquire(wave, asked.map((flight) => ({ flight }))),
    () => flights.map((flight) => takeAnswer(flight))
  )
}

/** Whether one request reads many entries. Stores with `getCallback` combine the reads of a turn themselves. */
export const readsTogether = ({ store: { capabilities, getCallback, getUnsafe } }: StoreTier): boolean =>
  getUnsafe === undefined && getCallback === undefined && capabilities.separate !== true

/** Reads an entry at the end of the turn, with others. No request waits for another; each reader has its own budget. */
export const getTogether = (self: Flights, tier: StoreTier): Store["get"] => (id, tags) =>
  Effect.callback((resume) => {
    const lines = linesOf(self, tier)
    const one: Get = { id, tags, resume, isGone: false }
    if (lines.gets.push(one) === 1) {
      self.work.dispatcher.scheduleTask(() => {
        const asked = lines.gets.filter(({ isGone }) => !isGone)
        lines.gets = []
        for (const some of chunksOf(asked, waves.size)) sendGets(tier, some)
      }, 0)
    }
    return Effect.sync(() => {
      one.isGone = true
    })
  })

const sendGets = (tier: StoreTier, gets: ReadonlyArray<Get>): void => {
  const { background, front: { context }, storeTimeoutMillis } = tier
  const late = lateBy(tier, Context.get(context, Clock.Clock), storeTimeoutMillis)
  const answering = Effect.map(exitBefore(getAll(tier, gets), late), (exit) => {
    if (exit !== undefined) gets.forEach(({ resume }, i) => resume(Exit.map(exit, (answers) => answers[i]!)))
  })
  const end = Effect.sync(() => gets.forEach(({ resume }) => resume(Effect.interrupt)))
  spawn(background, context, Effect.ensuring(answering, end))
}

/** The versions of tags are read after the entries, and only for entries that were found. */
const getAll = Effect.fnUntraced(function*(
  { store }: StoreTier,
  gets: ReadonlyArray<Get>
): Effect.fn.Return<ReadonlyArray<Answer>, StoreError> {
  const entries = yield* store.getMany(gets.map(({ id }) => id))
  const names = Array.from(new Set(gets.flatMap(({ tags }, i) => entries[i] === undefined ? [] : tags)))
  const { versions } = names.length === 0 ? { versions: [] } : yield* store.get(noEntryId, names)
  const known = new Map(names.map((name, i) => [name, versions[i]]))
  return gets.map(({ tags }, i) => ({ entry: entries[i], versions: tags.map((tag) => known.get(tag)) }))
})

const inWave = <Item, Answer>(line: Line<Item, Answer>, item: Item, budget: Budget): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    if (line.tier.background.isClosed) return resume(Effect.interrupt)
    move(line)
    line.waiting.push({ item, budget, since: timeOf(line.tier), lates: line.lates, resume })
  })

const move = <Item, Answer>(line: Line<Item, Answer>): void => {
  if (line.isMoving) return
  line.isMoving = true
  const { background, front: { context } } = line.tier
  const clock = Context.get(context, Clock.Clock)
  // Program time counts from here, so that the time in the line is measured like the time of the request.
  startWaiting(clock)
  const end = Effect.sync(() => {
    line.isMoving = false
    endWaiting(clock)
    if (line.waiting.length > 0 && !line.tier.background.isClosed) move(line)
  })
  spawn(background, context, Effect.ensuring(Effect.andThen(Effect.yieldNow, sendAll(line)), end))
}

const sendAll = <Item, Answer>(line: Line<Item, Answer>): Effect.Effect<void, never, any> =>
  Effect.whileLoop({
    while: () => line.waiting.length > 0,
    body: () => {
      const all = line.waiting
      line.waiting = []
      return forEachWave(all, (some) => sendWave(line, some))
    },
    step: () => {}
  })

const sendWave = <Item, Answer>(
  line: Line<Item, Answer>,
  some: ReadonlyArray<Waiting<Item, Answer>>
): Effect.Effect<void, never, any> =>
  Effect.suspend(() => {
    const { lates, send, tier } = line
    const sentAt = timeOf(tier)
    // Waiting in `line` is ignored unless extreme: with thousands of flights, the last are sent late to any store.
    const longestMillis = together.budgets * tier.storeTimeoutMillis
    const leftMillis = some.reduce((most, one) => {
      const isSent = one.lates === lates && sentAt - one.since < longestMillis
      return isSent ? Math.max(most, one.budget.leftMillis) : most
    }, 0)
    const items = some.map(({ item }) => item)
    return Effect.flatMap(Effect.exit(send(items, { leftMillis })), (exit) => {
      const answeredAt = timeOf(tier)
      if (leftMillis > 0 && answeredAt - sentAt >= leftMillis) line.lates++
      const answerFrom = (from: number) => {
        for (const [i, { budget, resume }] of some.slice(from, from + together.ofTurn).entries()) {
          budget.leftMillis -= answeredAt - sentAt
          resume(Exit.map(exit, (answers) => answers[from + i] as Answer))
        }
        return Effect.yieldNow
      }
      return Effect.forEach(startsOf(some, together.ofTurn), answerFrom, { discard: true })
    })
  })
