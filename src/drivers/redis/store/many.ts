/**
 * Runs requests for many ids. What operations ask for in one turn of the event loop is sent together: a script handles
 * many ids, on a cluster those in one slot. Each id has its own answer.
 */
import * as Limits from "../../../internal/defaults/redis.ts"
import * as Turns from "../../../internal/time/turns.ts"
import { Fault, isFault, noAnswer } from "../fault.ts"
import { hashOf } from "../protocol/keys.ts"
import { type Asked, askingAll, type Kind, type Operation, type StoreState } from "./state.ts"

/** Replaces the answer for an item that must be sent again, alone and in this form. */
export class Again<A> {
  readonly item: A
  constructor(item: A) {
    this.item = item
  }
}

interface Many<A, B> {
  readonly operation: string
  readonly items: ReadonlyArray<A>
  readonly kind: Kind<A>
  readonly combine: (answers: ReadonlyArray<unknown>) => ReadonlyArray<B> | Fault
}

export const askingMany = <A, B>(
  self: StoreState,
  { combine, items, kind, operation }: Many<A, B>
): Operation<ReadonlyArray<B>> =>
  Turns.inParts(
    items,
    (some) => askingAll(operation, some, (item, done) => askInTurn(self, { kind, item, done }), combine)
  )

export const askInTurn = <A>(self: StoreState, asked: Asked<A>): void => {
  if (self.turn.push(asked as Asked<unknown>) === 1) queueMicrotask(() => sendTurn(self))
}

/** Sends all that is waiting, by kind. Requests for one id stay in their order. */
export const sendTurn = (self: StoreState): void => {
  const { turn } = self
  self.turn = []
  if (turn.length === 1) return sendPart(self, turn)
  const byKind = new Map<Kind<unknown>, Array<Asked<unknown>>>()
  const kinds = new Map<string, Kind<unknown>>()
  const sendAll = (): void => {
    for (const some of byKind.values()) for (const part of partsOf(self, some)) sendPart(self, part)
    byKind.clear()
    kinds.clear()
  }
  for (const asked of turn) {
    const { item, kind } = asked
    const id = kind.idOf(item)
    if ((kinds.get(id) ?? kind) !== kind) sendAll()
    kinds.set(id, kind)
    const some = byKind.get(kind)
    if (some === undefined) byKind.set(kind, [asked])
    else some.push(asked)
  }
  sendAll()
}

type Part = ReadonlyArray<Asked<unknown>>

const partsOf = ({ session: { wire: { isCluster } } }: StoreState, items: Part): ReadonlyArray<Part> => {
  const { bytes, ids } = Limits.script
  const parts: Array<Part> = []
  const lasts = new Map<string, { readonly part: Array<Asked<unknown>>; size: number }>()
  for (const asked of items) {
    const { item, kind: { areAlike, idOf } } = asked
    const added = (item as { readonly size?: number }).size ?? 0
    const slot = isCluster ? hashOf(idOf(item)) : ""
    let last = lasts.get(slot)
    const isFull = last === undefined || last.part.length === ids || last.size + added > bytes
    if (isFull || areAlike?.(last!.part[0]!.item, item) === false) {
      lasts.set(slot, last = { part: [], size: 0 })
      parts.push(last.part)
    }
    last!.part.push(asked)
    last!.size += added
  }
  return parts
}

const sendPart = (self: StoreState, part: Part): void => {
  const [{ done, kind: { send } }] = part as readonly [Asked<unknown>]
  const apart = () => part.forEach((asked) => sendPart(self, [asked]))
  const answered = (given: unknown): void => {
    // A full server refuses the whole script, but may accept some of the items. While a slot moves, some of the keys
    // are at its new owner already, or do not exist yet.
    if (isFault(given) && (given.reason === "Full" || given.code === "TRYAGAIN") && part.length > 1) return apart()
    const answers = isFault(given) || Array.isArray(given) && given.length >= part.length ? given : noAnswer("a script")
    if (isFault(answers)) return part.forEach(({ done }) => done(answers))
    part.forEach((asked, i) => {
      const answer = answers[i]
      if (answer instanceof Again) sendPart(self, [{ ...asked, item: answer.item }])
      else asked.done(answer)
    })
  }
  try {
    send(self, part.map(({ item }) => item), answered)
  } catch (thrown) {
    // One of the items cannot be encoded.
    if (part.length > 1) apart()
    else done(new Fault("Unsupported", String(thrown)))
  }
}
