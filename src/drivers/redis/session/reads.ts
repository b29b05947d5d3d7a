/** Reads keys. On a single server, all reads in a turn share one `MGET`, whose first key is the era's key. */
import * as Limits from "../../../internal/defaults/redis.ts"
import type { Done } from "../connection/connection.ts"
import { isFault, noAnswer } from "../fault.ts"
import { hashOf, type Named } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import { all } from "./answers.ts"
import { cleared, control, inEra } from "./era.ts"
import type { Read, Session } from "./session.ts"

const nowhere: ReadonlyArray<number> = []

/** Reads `keys` and `markers`, and passes their values to `done` in that order. Shared markers are read only once. */
export const read = (
  session: Session,
  keys: ReadonlyArray<Named>,
  markers: ReadonlyArray<Named>,
  done: Done
): void =>
  session.wire.isCluster
    ? readEach(session, keys.concat(markers), done)
    : enter(session, { keys, markers, done, attempts: Limits.clears, from: 0, places: nowhere })

const enter = (session: Session, read: Read): void => {
  if (--read.attempts < 0) return read.done(cleared)
  if (session.reads.push(read) === 1) queueMicrotask(session.flush ??= () => flush(session))
}

const flush = (session: Session): void => {
  const { era, keys, places, reads } = session
  session.reads = []
  if (era === undefined) {
    return control(session, (told) => {
      for (const read of reads) {
        if (isFault(told)) read.done(told)
        else enter(session, read)
      }
    })
  }
  for (let from = 0; from < reads.length;) {
    const texts: Array<string> = ["MGET", keys.era]
    const first = from
    places.clear()
    session.lastMarkers = undefined
    do place(session, reads[from]!, texts, era)
    while (++from < reads.length && texts.length < Limits.keysPerCommand)
    send(session, texts, reads.slice(first, from), era)
  }
}

const place = (session: Session, read: Read, texts: Array<string>, era: string): void => {
  const { keys, places } = session
  read.from = texts.length - 1
  for (const [kind, text] of read.keys) texts.push(keys.of(kind, era, text))
  if (read.markers !== session.lastMarkers) {
    session.lastMarkers = read.markers
    session.lastPlaces = read.markers.map(([kind, text]) => {
      const key = keys.of(kind, era, text)
      const known = places.get(key)
      if (known !== undefined) return known
      const at = texts.push(key) - 2
      places.set(key, at)
      return at
    })
  }
  read.places = session.lastPlaces
}

const send = (session: Session, texts: Array<string>, reads: ReadonlyArray<Read>, era: string): void =>
  session.wire.send(session.keys.controlTag, texts, (answer) => {
    if (isFault(answer) || !Array.isArray(answer) || answer.length !== texts.length - 1) {
      const fault = isFault(answer) ? answer : noAnswer("MGET")
      for (const { done } of reads) done(fault)
      return
    }
    if (Replies.toText(answer[0]) !== era) {
      session.era = Replies.toEra(answer[0])
      for (const read of reads) enter(session, read)
      return
    }
    for (const read of reads) read.done(answersOf(read, answer))
  })

const answersOf = ({ from, keys: { length }, places }: Read, answer: ReadonlyArray<unknown>): Array<unknown> => {
  const own = new Array<unknown>(length + places.length)
  for (let i = 0; i < length; i++) own[i] = answer[from + i]
  for (let i = 0; i < places.length; i++) own[length + i] = answer[places[i]!]
  return own
}

/** Reads each key with its own command, because on a cluster one command cannot read keys of several slots. */
const readEach = (session: Session, named: ReadonlyArray<Named>, done: Done): void => {
  const { keys, wire } = session
  const attempt = (era: string, answered: Done): void => {
    const ask = ([kind, text]: Named, done: Done) => wire.send(hashOf(text), ["GET", keys.of(kind, era, text)], done)
    all(named, ask, answered, withoutOtherKinds)
  }
  inEra(session, { attempt, done, attempts: Limits.clears })
}

const withoutOtherKinds = (answer: unknown): unknown => isFault(answer) && answer.code === "WRONGTYPE" ? null : answer
