/**
 * What is asked of the servers, in the present era.
 *
 * `clear` begins another era: the keys of the former one are nobody's from then on. Whoever finds out that the era is
 * another one begins again in that. On a single server each command tells; on a cluster the era is asked once for all
 * commands of a turn, at the same time.
 */
import * as Limits from "../../../internal/defaults/redis.ts"
import { Fault, isFault, noAnswer } from "../fault.ts"
import { hashOf, type Keys, type Named } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import type { Name, Scripts } from "../protocol/scripts/all.ts"
import { otherEra, type Script } from "../protocol/scripts/script.ts"
import type { Args, Done } from "./connection.ts"
import type { Wire } from "./router.ts"

interface Control {
  readonly era: string
  /** how many invalidations of tags there were */
  readonly seq: number
}

interface Running {
  /** the keys, after the era's */
  readonly keys?: ReadonlyArray<Named> | undefined
  /** keys of all eras, before those */
  readonly fixed?: ReadonlyArray<string> | undefined
  readonly args?: Args | undefined
  /** the answer in another era: what was begun in the former one has ended with it */
  readonly ended?: unknown
  /** it counts when the replicas have it */
  readonly isWrite?: boolean | undefined
}

export interface Session {
  readonly keys: Keys
  readonly wire: Wire
  /** runs a script for the keys of one id, tag or counter */
  readonly run: (name: Name, running: Running, done: Done) => void
  /** runs a script that has nothing to do with eras */
  readonly runOutside: (name: Name, running: Outside, done: Done) => void
  /** reads keys, and then markers that others may read, too; the answer is a list in their order */
  readonly read: (keys: ReadonlyArray<Named>, markers: ReadonlyArray<Named>, done: Done) => void
  /** the era and the count of invalidations, asked from now on; the answer is a `Control` */
  readonly control: (done: (answer: Control | Fault) => void) => void
  /** begins another era; the answer is its name */
  readonly beginEra: (done: Done) => void
  /** the era that was last heard of */
  readonly era: () => string | undefined
}

interface Outside {
  /** what is between the braces of the keys */
  readonly tag: string
  readonly keys: ReadonlyArray<string>
  readonly args: Args
  /** takes an answer that comes after `done` was told that there is none */
  readonly late?: Done | undefined
}

interface Evaluation {
  readonly script: Script
  readonly tag: string
  readonly rest: Args
  readonly isWrite?: boolean
  readonly late?: Done | undefined
}

interface Reading {
  readonly keys: ReadonlyArray<Named>
  readonly markers: ReadonlyArray<Named>
  readonly done: Done
  attempts: number
  /** where the answers are: those of the keys from one place on, those of the markers each at its own */
  from: number
  places: ReadonlyArray<number>
}

const nowhere: ReadonlyArray<number> = []

/** `undefined` where the era or the count is missing, or is none. */
const toControl = (answer: unknown): Control | Fault | undefined => {
  if (isFault(answer)) return answer
  const [first, second] = Array.isArray(answer) ? answer as ReadonlyArray<unknown> : []
  const era = Replies.toEra(first)
  const seq = Replies.toCount(second)
  return era === undefined || seq === undefined ? undefined : { era, seq }
}

const cleared = new Fault("Unavailable", "the store is cleared again and again")

export const make = (
  { keys, replicas, scripts, waitMillis, wire }: {
    readonly keys: Keys
    readonly wire: Wire
    readonly scripts: Scripts
    readonly replicas: number
    /** how long to wait for replicas */
    readonly waitMillis: number
  }
): Session => {
  let era: string | undefined
  const { controlTag } = keys

  /** Runs a script. A write that the replicas must have is answered when they have it. */
  const evaluate = ({ isWrite = false, late, rest, script, tag }: Evaluation, done: Done): void => {
    const send = (args: Args, done: Done): void => {
      if (!isWrite || replicas === 0) return wire.send(tag, args, done, late)
      const { onAnswer, onReplicas } = acknowledged(done)
      wire.send(tag, args, onAnswer)
      wire.send(tag, ["WAIT", String(replicas), String(waitMillis)], onReplicas)
    }
    send(["EVALSHA", script.sha, ...rest], (answer) => {
      if (isFault(answer) && answer.code === "NOSCRIPT") send(["EVAL", script.source, ...rest], done)
      else done(answer)
    })
  }

  /** Answers when the replicas have what was sent before the question. */
  const acknowledged = (done: Done): { readonly onAnswer: Done; readonly onReplicas: Done } => {
    let answer: unknown
    let count: unknown
    let left = 2
    const both = () => {
      if (--left > 0) return
      if (isFault(answer) || !isFault(count) && Number(count) >= replicas) return done(answer)
      done(
        isFault(count)
          ? count
          : new Fault("Unavailable", `${Number(count)} of ${replicas} replicas have the write`)
      )
    }
    return {
      onAnswer: (given) => {
        answer = given
        both()
      },
      onReplicas: (given) => {
        count = given
        both()
      }
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // the era
  // -------------------------------------------------------------------------------------------------------------------

  let asking: Array<(answer: Control | Fault) => void> | undefined

  const control: Session["control"] = (done) => {
    if (asking !== undefined) return void asking.push(done)
    asking = [done]
    queueMicrotask(() => {
      const all = asking!
      asking = undefined
      const tell = (told: Control | Fault) => {
        if (!isFault(told)) era = told.era
        for (const done of all) done(told)
      }
      wire.send(controlTag, ["MGET", keys.era, keys.sequence], (answer) => {
        const found = toControl(answer)
        if (found !== undefined) return tell(found)
        // one of them is missing, or is none
        evaluate(
          { script: scripts.control, tag: controlTag, rest: ["2", keys.era, keys.sequence] },
          (answer) => tell(toControl(answer) ?? noAnswer("the question for the era"))
        )
      })
    })
  }

  const beginEra: Session["beginEra"] = (done) =>
    evaluate({ script: scripts.clear, tag: controlTag, rest: ["1", keys.era], isWrite: true }, (answer) => {
      if (isFault(answer)) return done(answer)
      const fresh = Replies.toText(Array.isArray(answer) ? answer[0] : undefined)
      if (fresh === undefined) return done(noAnswer("clear"))
      era = fresh
      done(fresh)
    })

  /** Runs something in the present era, and on a cluster asks for that at the same time. */
  const inEra = (
    attempts: number,
    done: Done,
    attempt: (era: string, answered: Done) => void,
    ended?: unknown
  ): void => {
    if (attempts <= 0) return done(cleared)
    const again = () => inEra(attempts - 1, done, attempt, ended)
    const now = era
    if (now === undefined) {
      control((told) => isFault(told) ? done(told) : again())
      return
    }
    if (!wire.isCluster) {
      attempt(now, (answer) => {
        if (answer !== otherEra) return done(answer)
        era = undefined
        if (ended === undefined) again()
        else done(ended)
      })
      return
    }
    let told: Control | Fault | undefined
    let answer: unknown
    let left = 2
    const both = () => {
      if (--left > 0) return
      if (isFault(told)) return done(told)
      if (told!.era === now) return done(answer)
      if (ended === undefined) again()
      else done(ended)
    }
    control((control) => {
      told = control
      both()
    })
    attempt(now, (given) => {
      answer = given
      both()
    })
  }

  const run: Session["run"] = (name, { args = [], ended, fixed = [], isWrite = false, keys: named = [] }, done) => {
    const script = scripts[name]
    const tag = named.length === 0 ? controlTag : hashOf(named[0]![1])
    inEra(Limits.clears, done, (era, answered) => {
      const all = script.checksEra ? [keys.era, ...fixed] : [...fixed]
      for (const [kind, text] of named) all.push(keys.of(kind, era, text))
      const rest = script.checksEra ? [era, ...args] : args
      evaluate({ script, tag, rest: [String(all.length), ...all, ...rest], isWrite }, answered)
    }, ended)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // reads
  // -------------------------------------------------------------------------------------------------------------------

  let readings: Array<Reading> = []

  const flush = () => {
    const all = readings
    readings = []
    const now = era
    if (now === undefined) {
      return control((told) => {
        for (const reading of all) {
          if (isFault(told)) reading.done(told)
          else enter(reading)
        }
      })
    }
    for (let from = 0; from < all.length;) {
      const texts: Array<string> = ["MGET", keys.era]
      const first = from
      placed.clear()
      lastMarkers = undefined
      do place(all[from]!, texts, now)
      while (++from < all.length && texts.length < Limits.keysPerCommand)
      readAtOnce(texts, all.slice(first, from), now)
    }
  }

  /** Where markers are in a command: many entries have the same ones, and often from the same list. */
  const placed = new Map<string, number>()
  let lastMarkers: ReadonlyArray<Named> | undefined
  let lastPlaces = nowhere

  const place = (reading: Reading, texts: Array<string>, now: string) => {
    const { keys: named, markers } = reading
    reading.from = texts.length - 1
    for (const [kind, text] of named) texts.push(keys.of(kind, now, text))
    if (markers !== lastMarkers) {
      lastMarkers = markers
      lastPlaces = markers.map(([kind, text]) => {
        const key = keys.of(kind, now, text)
        const known = placed.get(key)
        if (known !== undefined) return known
        const at = texts.push(key) - 2
        placed.set(key, at)
        return at
      })
    }
    reading.places = lastPlaces
  }

  const answerOf = ({ from, keys: { length }, places }: Reading, answer: ReadonlyArray<unknown>) => {
    const own = new Array<unknown>(length + places.length)
    for (let i = 0; i < length; i++) own[i] = answer[from + i]
    for (let i = 0; i < places.length; i++) own[length + i] = answer[places[i]!]
    return own
  }

  const readAtOnce = (texts: Array<string>, some: ReadonlyArray<Reading>, now: string) => {
    wire.send(controlTag, texts, (answer) => {
      if (isFault(answer) || !Array.isArray(answer) || answer.length !== texts.length - 1) {
        const fault = isFault(answer) ? answer : noAnswer("MGET")
        for (const { done } of some) done(fault)
        return
      }
      const told = Replies.toText(answer[0])
      if (told !== now) {
        era = Replies.toEra(answer[0])
        for (const reading of some) enter(reading)
        return
      }
      for (const reading of some) reading.done(answerOf(reading, answer))
    })
  }

  const enter = (reading: Reading): void => {
    if (--reading.attempts < 0) return reading.done(cleared)
    if (readings.push(reading) === 1) queueMicrotask(flush)
  }

  /** On a cluster keys of several slots are not read by one command. */
  const readEach = (named: ReadonlyArray<Named>, done: Done): void =>
    inEra(Limits.clears, done, (era, answered) => {
      const answers = new Array<unknown>(named.length)
      let left = named.length
      let fault: Fault | undefined
      if (left === 0) return answered(answers)
      for (const [i, [kind, text]] of named.entries()) {
        wire.send(hashOf(text), ["GET", keys.of(kind, era, text)], (answer) => {
          // another kind of value under the key is none of ours
          if (!isFault(answer)) answers[i] = answer
          else if (answer.code === "WRONGTYPE") answers[i] = null
          else fault = answer
          if (--left === 0) answered(fault ?? answers)
        })
      }
    })

  return {
    keys,
    wire,
    run,
    runOutside: (name, { args, keys, late, tag }, done) =>
      evaluate({ script: scripts[name], tag, rest: [String(keys.length), ...keys, ...args], late }, done),
    read: wire.isCluster
      ? (keys, markers, done) => readEach(keys.concat(markers), done)
      : (keys, markers, done) => enter({ keys, markers, done, attempts: Limits.clears, from: 0, places: nowhere }),
    control,
    beginEra,
    era: () => era
  }
}
