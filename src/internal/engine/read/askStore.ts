/** Asks a store that answers through a callback, with one request for all concurrent readers of an id. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import { StoreError } from "../../../CacheError.ts"
import type { Answer } from "../../../ports/store.ts"
import { jobsOfTurn } from "../../defaults/bounds.ts"
import { clockOf } from "../../time/monotonic.ts"
import { endWaiting, programMillis, startWaiting } from "../../time/programTime.ts"
import { forEach } from "../../time/turns.ts"
import * as Watches from "../flight/watches.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import * as Policy from "../request/callPolicy.ts"
import { wallNow } from "../request/context.ts"
import { declaredTags } from "../request/requestTags.ts"
import { answerOrDefect, isLimited } from "../request/rules.ts"
import type { Asker, Flights, Joining, Question, Reader, Resume } from "../state.ts"
import { faultOf } from "../storeTier/ask.ts"
import { supervise } from "../storeTier/background.ts"
import * as Circuit from "../storeTier/circuit.ts"
import { tagNames } from "../storeTier/codec.ts"
import { damaged, noteFault, recovered } from "../storeTier/faults.ts"
import { areAmong, reviveUnsafe } from "../storeTier/fetch.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import { type Fetched, NeedsEffect, type StoreTier } from "../storeTier/storeTier.ts"
import { tellMiss } from "../telemetry/tell.ts"
import { join } from "./read.ts"
import { useFound } from "./useFound.ts"
import { refusal } from "./validate.ts"

export const mayAsk = ({ engine, policy, request }: Reader): boolean =>
  engine.storeTier!.store.getCallback !== undefined && Policy.readsNormally(policy) && policy.writes &&
  !policy.strict && policy.storeTimeoutMillis === undefined && !engine.isPrivate && !engine.closed &&
  request.batch === undefined && !isLimited(engine, request)

export const askStore = <A, E>(
  reader: Reader<A, E>,
  rejectedWriteId: string | undefined
): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    const { engine, id, request } = reader
    const { circuit, pending } = engine.storeTier!
    const bornAt = TagEpochs.epochNow(engine.tagEpochs)
    if (
      Pending.isPending(pending, id) || engine.closed || engine.flights.has(id) || engine.ending.has(id) ||
      Circuit.isOpen(circuit) ||
      refusal(engine, request) !== undefined
    ) return resume(joinFlight(reader, rejectedWriteId, { readsStore: true }))
    const known = engine.questions.byId.get(id)
    const question = known !== undefined && isCurrent(reader, known) ? known : makeQuestion(reader, bornAt)
    // The answer resumes all waiting readers in one step, so their number is limited.
    if (question.askers.length >= jobsOfTurn) return resume(joinFlight(reader, rejectedWriteId, { readsStore: true }))
    const asker = new WaitingAsker(reader, rejectedWriteId, resume as Resume)
    question.askers.push(asker)
    if (question !== known) begin(engine, question)
    return asker
  })

const joinFlight = <A, E>(
  reader: Reader<A, E>,
  rejectedWriteId: string | undefined,
  how: Pick<Joining, "readsStore" | "storeMillis">
): Effect.Effect<A, E> =>
  join(reader, { ...how, stale: undefined, rejectedWriteId, mutations: reader.engine.mutations })

/** A waiting reader. To save an object, it is also the effect that runs if the reader is interrupted. */
class WaitingAsker extends Effectable.Class<void> implements Asker {
  readonly reader: Reader
  readonly rejectedWriteId: string | undefined
  readonly resume: Resume
  isGone: boolean

  constructor(reader: Reader, rejectedWriteId: string | undefined, resume: Resume) {
    super()
    this.reader = reader
    this.rejectedWriteId = rejectedWriteId
    this.resume = resume
    this.isGone = false
  }

  override asEffect(): Effect.Effect<void> {
    const { engine, id, request } = this.reader
    this.isGone = true
    // A reader that leaves before the store has answered counts as a miss.
    tellMiss(engine, request.key, id)
    return Effect.void
  }
}

/** Whether nothing has changed since the store was asked. After a change, the answer may be too old for this read. */
const isCurrent = ({ engine, id, request }: Reader, { bornAt, since, tags }: Question): boolean =>
  !Watches.hasChanged(engine, { since }, id) &&
  (bornAt === engine.tagEpochs.epoch ||
    !TagEpochs.movedSince(engine.tagEpochs, tags, bornAt) &&
      !TagEpochs.movedSince(engine.tagEpochs, declaredTags(engine, request), bornAt))

const makeQuestion = ({ engine, id, request }: Reader, bornAt: number): Question => {
  const clock = clockOf(engine)
  return {
    id,
    bornAt,
    since: engine.watches.step,
    mutations: engine.mutations,
    askers: [],
    clock,
    askedAt: programMillis(clock),
    tags: declaredTags(engine, request),
    isAgain: false,
    isAnswered: false,
    storeMillis: undefined,
    isInMemory: false
  }
}

const begin = (self: Flights, question: Question): void => {
  const { questions } = self
  Watches.begin(self)
  startWaiting(question.clock)
  questions.byId.set(question.id, question)
  questions.open.add(question)
  if (!questions.isTimed) startTimer(self)
  send(self, question)
}

const send = (self: Flights, question: Question): void =>
  self.storeTier!.store.getCallback!(question.id, question.tags, (exit) => received(self, question, exit))

const received = (self: Flights, question: Question, exit: Exit.Exit<Answer, StoreError>): void => {
  if (question.isAnswered) return
  const tier = self.storeTier!
  if (Exit.isFailure(exit)) {
    const fault = faultOf(exit.cause, (cause) => faultWith(tier, "Unavailable", cause))
    return conclude(self, question, failed(self, question, fault))
  }
  const { entry } = exit.value
  if (entry !== undefined && !question.isAgain && !areAmong(entry.meta.tags, question.tags)) {
    question.isAgain = true
    question.tags = tagNames(entry.meta.tags)
    return send(self, question)
  }
  self.meter?.asked("get", "success", tookMillis(question))
  Circuit.answered(tier.circuit)
  recovered(tier, "get")
  conclude(self, question, foundIn(self, question, exit.value))
}

const faultWith = ({ store }: StoreTier, reason: "Timeout" | "Unavailable", cause?: unknown): StoreError =>
  new StoreError({ store: store.name, operation: "get", reason, ...cause === undefined ? {} : { cause } })

const tookMillis = ({ askedAt, clock }: Question): number => programMillis(clock) - askedAt

const failed = (self: Flights, question: Question, fault: StoreError): StoreError => {
  const tier = self.storeTier!
  self.meter?.asked("get", fault.reason, tookMillis(question))
  if (fault.reason === "Timeout") Circuit.timedOut(tier.circuit, "normal", clockOf(self).currentTimeMillisUnsafe())
  else Circuit.answered(tier.circuit)
  return noteFault(tier, "get", fault)
}

const foundIn = (self: Flights, { askers, bornAt, id, tags }: Question, answer: Answer) => {
  const tier = self.storeTier!
  // The clock must come from a reader that still waits: the fiber of a reader that has left has lost its context.
  const reader = askers.find(({ isGone }) => !isGone)?.reader
  if (reader === undefined) return undefined
  const { key } = reader.request
  const { entry: stored, versions } = answer
  if (stored === undefined) return answer.isDamaged === true ? damaged(tier, key, id) : undefined
  return reviveUnsafe(tier, { key, id, stored, bornAt, now: wallNow(self, reader.fiber), tags, versions })
}

const conclude = (self: Flights, question: Question, found: Fetched | typeof NeedsEffect | StoreError): void => {
  const { askers, id } = question
  const { questions } = self
  const tier = self.storeTier!
  question.isAnswered = true
  const isUnknown = Watches.hasChanged(self, question, id)
  // A reader that resumes may change entries before the next one does.
  question.mutations = self.mutations
  Watches.end(self)
  questions.open.delete(question)
  if (questions.byId.get(id) === question) questions.byId.delete(id)
  const storeMillis = question.storeMillis = Math.max(0, leftMillis(self, question))
  endWaiting(question.clock)
  for (const { isGone, reader, rejectedWriteId, resume } of askers) {
    if (isGone) continue
    if (found instanceof StoreError) {
      resume(joinFlight(reader, rejectedWriteId, { readsStore: false, storeMillis }))
    } else if (isUnknown) resume(joinFlight(reader, rejectedWriteId, { readsStore: true, storeMillis }))
    else {
      tier.readerClock = reader.fiber.getRef(Clock.Clock)
      const answer = answerOrDefect(() => useFound(reader, rejectedWriteId, found, question))
      tier.readerClock = undefined
      resume(answer)
    }
  }
}

/** Turns all readers that still wait for the store into flights, because a cache that closes ends only flights. */
export const endQuestions = (self: Flights): Effect.Effect<void> =>
  forEach(Array.from(self.questions.open), (question) => {
    if (!question.isAnswered) conclude(self, question, NeedsEffect)
  })

const leftMillis = (self: Flights, { askedAt, clock }: Question): number =>
  askedAt + self.storeTier!.storeTimeoutMillis - programMillis(clock)

/** Starts one timer for all requests. All have the same timeout, so the oldest request always times out first. */
const startTimer = (self: Flights): void => {
  const { context, questions, storeTier: tier } = self
  questions.isTimed = true
  const timer = Effect.whileLoop({
    while: () => questions.open.size > 0,
    body: () => {
      const [oldest] = questions.open
      return Effect.sleep(Math.max(1, leftMillis(self, oldest!)))
    },
    step: () => {
      for (const question of questions.open) {
        if (leftMillis(self, question) > 0) break
        conclude(self, question, failed(self, question, faultWith(tier!, "Timeout")))
      }
    }
  })
  const end = Effect.sync(() => {
    questions.isTimed = false
    // Once the cache is closed, the timer no longer ends open requests, so they end here.
    for (const question of questions.open) conclude(self, question, faultWith(tier!, "Unavailable"))
  })
  supervise(tier!.background, {
    name: "limits the time of questions to the store",
    context,
    run: Effect.ensuring(timer, end)
  })
}
