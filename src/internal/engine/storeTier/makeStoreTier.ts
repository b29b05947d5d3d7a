/** Makes a store tier. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import { requireSerializer } from "../../codec/requireSerializer.ts"
import { storeReadsOfTurn, timeoutsOfTurn } from "../../defaults/bounds.ts"
import { unansweredCommits } from "../../defaults/stores.ts"
import { acrossFingerprints, type Recorded } from "../../store/fingerprints.ts"
import { lastingDispatcher } from "../../time/lastingDispatcher.ts"
import * as TurnLimit from "../../time/turnLimit.ts"
import * as TurnTime from "../../time/turnTime.ts"
import type { MemoryTier } from "../memory/memory.ts"
import { emit } from "../telemetry/events.ts"
import * as Incident from "../telemetry/incident.ts"
import * as Background from "./background.ts"
import * as Circuit from "./circuit.ts"
import * as KnownTagVersions from "./knownTagVersions.ts"
import * as Pending from "./pendingInvalidations.ts"
import type { StoreSteps, StoreTier, StoreTierOptions } from "./storeTier.ts"
import { validateAnswers } from "./validateAnswers.ts"

export const makeStoreTier = (front: MemoryTier, options: StoreTierOptions, steps: StoreSteps): StoreTier => {
  requireSerializer("The cache", options.serializer)
  const dispatcher = lastingDispatcher(Context.get(front.context, Scheduler.Scheduler))
  const background = Background.make(front)
  // A store that hangs must not keep the next attempt from being made, nor the cache from closing.
  const spawn = (job: Effect.Effect<unknown>) => {
    const run = Effect.timeoutOption(job, options.storeTimeoutMillis)
    Background.supervise(background, { name: "records fingerprints", context: front.context, run })
  }
  const recorded: Recorded = new Map()
  return {
    ...options,
    steps,
    front,
    store: acrossFingerprints(validateAnswers(options.store), recorded, front.tokens, spawn),
    recorded,
    codecs: new WeakMap(),
    plain: { success: options.serializer.make(undefined), failure: undefined },
    pending: Pending.make(),
    commits: { current: undefined, lookups: new Set() },
    unanswered: new Set(),
    circuit: Circuit.make((state) => emit(front, { _tag: "Circuit", state })),
    reads: TurnLimit.make(storeReadsOfTurn, dispatcher),
    timeouts: TurnLimit.make(timeoutsOfTurn, dispatcher),
    turns: options.store.getUnsafe && TurnTime.make({ clock: Context.get(front.context, Clock.Clock), dispatcher }),
    incident: Incident.make(),
    background,
    tracker: undefined,
    polledAt: -Infinity,
    untracked: false,
    untrackable: false,
    readerClock: undefined,
    isElsewhere: false,
    captures: 0,
    clearedAt: 0,
    knownTagVersions: KnownTagVersions.make(),
    privateWrites: new Map(),
    replay: undefined,
    onCleared: undefined
  }
}

/** Notes an id before its commit is sent, in case the commit is interrupted. */
export const addUnanswered = ({ unanswered }: StoreTier, id: string): void => addBounded(unanswered, id)

/** Above the limit, drops the oldest element. */
const addBounded = <A>(set: Set<A>, element: A): void => {
  set.add(element)
  for (const oldest of set) {
    if (set.size <= unansweredCommits) break
    set.delete(oldest)
  }
}
