/** Runs requests for many ids. A script handles many ids, except on a cluster, where the ids are in several slots. */
import * as Limits from "../../../internal/defaults/redis.ts"
import * as Turns from "../../../internal/time/turns.ts"
import type { SetRequest } from "../../../ports/store.ts"
import type { Done } from "../connection/connection.ts"
import { type Fault, isFault, noAnswer } from "../fault.ts"
import * as Packed from "../protocol/packed.ts"
import { all } from "../session/answers.ts"
import { asking, askingAll, list, type Operation, type StoreState } from "./state.ts"

/** Replaces the answer for an item that must be sent again, alone. */
export const failed = Symbol()

interface Many<A, B> {
  readonly operation: string
  readonly items: ReadonlyArray<A>
  readonly areAlike?: (some: A, other: A) => boolean
  readonly send: (part: ReadonlyArray<A>, done: Done) => void
  readonly decoderOf?: (answers: ReadonlyArray<unknown>) => (answer: unknown, item: A) => unknown
  readonly sendOne: (item: A, done: Done) => void
  readonly combine: (answers: ReadonlyArray<unknown>) => ReadonlyArray<B> | Fault
}

export const askingMany = <A, B>(self: StoreState, many: Many<A, B>): Operation<ReadonlyArray<B>> => {
  const { combine, items, operation, sendOne } = many
  if (self.session.wire.isCluster) return askingAll(operation, items, sendOne, combine)
  const ask = (part: ReadonlyArray<A>, done: Done): void => askPart(many, part, done)
  return Turns.inParts(
    items,
    (some) =>
      asking(operation, (done) => all(partsOf(many, some), ask, done), (answers) => combine(list(answers).flat()))
  )
}

const partsOf = <A>({ areAlike }: Many<A, unknown>, items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const { bytes, ids } = Limits.script
  const parts: Array<Array<A>> = []
  let last: Array<A> = []
  let size = 0
  for (const item of items) {
    const added = (item as Partial<SetRequest>).entry?.payload.length ?? 0
    if (last.length === 0 || last.length === ids || size + added > bytes || areAlike?.(last[0]!, item) === false) {
      parts.push(last = [])
      size = 0
    }
    last.push(item)
    size += added
  }
  return parts
}

const askPart = <A>({ decoderOf, send, sendOne }: Many<A, unknown>, part: ReadonlyArray<A>, done: Done): void => {
  if (part.length === 1) return sendOne(part[0]!, (answer) => done(isFault(answer) ? answer : [answer]))
  const takeAll = (answers: ReadonlyArray<unknown>): void => {
    if (!answers.includes(failed)) return done(answers.find(isFault) ?? answers)
    const take = (i: number, done: Done) => answers[i] === failed ? sendOne(part[i]!, done) : done(answers[i])
    all(Array.from(part.keys()), take, done)
  }
  send(part, (given: unknown) => {
    // A full server refuses the whole script, but may accept some of the items, or marks in their place.
    if (isFault(given)) return given.reason === "Full" ? takeAll(part.map(() => failed)) : done(given)
    if (!Array.isArray(given) || given.length < part.length) return done(noAnswer("a script"))
    const decode = decoderOf?.(given)
    takeAll(decode === undefined ? given : part.map((item, i) => decode(given[i], item)))
  })
}

const expectedHead = 100

export const packedFor = (requests: ReadonlyArray<SetRequest>): Packed.Packed =>
  Packed.make(requests.reduce((size, { entry }) => size + expectedHead + entry.payload.length, 0))
