/** Reads the current era (the version in key names that `clear` changes), and runs scripts in the current era. */
import * as Limits from "../../../internal/defaults/redis.ts"
import type { Args, Done } from "../connection/connection.ts"
import { Fault, isFault, noAnswer } from "../fault.ts"
import { hashOf, type Keyed } from "../protocol/keys.ts"
import * as Replies from "../protocol/replies.ts"
import type { Name } from "../protocol/scripts/all.ts"
import { otherEra } from "../protocol/scripts/script.ts"
import { both } from "./answers.ts"
import { evaluate } from "./evaluate.ts"
import { channelOf, type Control, type Session } from "./session.ts"

/** Reads the era and the sequence of invalidations. Calls before the next microtask share one command. */
export const control = (session: Session, done: (answer: Control | Fault) => void): void => {
  if (session.controls !== undefined) return void session.controls.push(done)
  session.controls = [done]
  queueMicrotask(() => askControl(session))
}

const askControl = (session: Session): void => {
  const { keys: { controlTag, era, sequence }, scripts, wire } = session
  const callers = session.controls!
  session.controls = undefined
  const answer = (control: Control | Fault) => {
    if (!isFault(control)) session.era = control.era
    for (const done of callers) done(control)
  }
  wire.send(controlTag, ["MGET", era, sequence], (found) => {
    const control = toControl(found)
    if (control !== undefined) return answer(control)
    // The era or the sequence is missing or damaged, so a script recreates it.
    evaluate(
      session,
      { script: scripts.control, tag: controlTag, rest: ["2", era, sequence] },
      (made) => answer(toControl(made) ?? noAnswer("the read of the era"))
    )
  })
}

const toControl = (answer: unknown): Control | Fault | undefined => {
  if (isFault(answer)) return answer
  const [first, second] = Array.isArray(answer) ? answer as ReadonlyArray<unknown> : []
  const era = Replies.toEra(first)
  const seq = Replies.toCount(second)
  return era === undefined || seq === undefined ? undefined : { era, seq }
}

/** Begins a new era. */
export const begin = (session: Session, tells: string, done: Done): void => {
  const { keys: { controlTag, era }, scripts } = session
  session.ownEra = ""
  const rest = ["1", era, channelOf(session, controlTag), tells]
  evaluate(session, { script: scripts.clear, tag: controlTag, rest, tells, isWrite: true }, (answer) => {
    if (isFault(answer)) return done(answer)
    const fresh = Replies.toText(Array.isArray(answer) ? answer[0] : undefined)
    if (fresh === undefined) return done(noAnswer("clear"))
    session.era = session.ownEra = fresh
    done(fresh)
  })
}

export const cleared = new Fault("Unavailable", "the store is cleared again and again")

interface Task {
  readonly attempt: (era: string, done: Done) => void
  readonly done: Done
  attempts: number
}

/** Runs a task in the current era. On a cluster, reads the era concurrently, and compares it after the task. */
export const inEra = (session: Session, task: Task): void => {
  if (--task.attempts < 0) return task.done(cleared)
  const { era } = session
  if (era === undefined) return control(session, (told) => isFault(told) ? task.done(told) : inEra(session, task))
  if (!session.wire.isCluster) {
    return task.attempt(era, (answer) => {
      if (answer !== otherEra) return task.done(answer)
      session.era = undefined
      inEra(session, task)
    })
  }
  const [onControl, onAnswer] = both((told, answer) => {
    if (isFault(told)) task.done(told)
    else if ((told as Control).era === era) task.done(answer)
    else inEra(session, task)
  })
  control(session, onControl)
  task.attempt(era, onAnswer)
}

export interface ScriptCall {
  /** The keys whose names contain the era. They follow the era's key and the `fixed` keys. */
  readonly keys?: ReadonlyArray<Keyed> | undefined
  /** The keys whose names do not contain the era. They precede `keys`. */
  readonly fixed?: ReadonlyArray<string> | undefined
  readonly args?: Args | undefined
  readonly late?: Done | undefined
  readonly isWrite?: boolean | undefined
  /** The message that the script publishes if it changes anything. */
  readonly tells?: string | undefined
  readonly isDivisible?: boolean | undefined
}

const none: ReadonlyArray<never> = []

export const run = (
  session: Session,
  name: Name,
  { args = none, fixed = none, isDivisible, isWrite = false, keys: named = none, late, tells = "" }: ScriptCall,
  done: Done
): void => {
  const { keys, scripts } = session
  const script = scripts[name]
  const tag = named.length === 0 ? keys.controlTag : hashOf(named[0]![1])
  const attempt = (era: string, answered: Done): void => {
    const all = script.checksEra ? [keys.era, ...fixed] : [...fixed]
    for (const one of named) keys.addTo(all, era, one)
    const rest = [String(all.length), ...all]
    if (script.checksEra) rest.push(era)
    if (script.tells) rest.push(channelOf(session, tag), tells)
    evaluate(session, { script, tag, rest: [...rest, ...args], tells, isWrite, isDivisible, late }, answered)
  }
  inEra(session, { attempt, done, attempts: Limits.clears })
}
