/** Runs scripts by hash (`EVALSHA`), or by source (`EVAL`) if the server does not know the script. */
import type { Args, Done } from "../connection/connection.ts"
import { Fault, isFault } from "../fault.ts"
import type { Name } from "../protocol/scripts/all.ts"
import { publish, type Script } from "../protocol/scripts/script.ts"
import { both } from "./answers.ts"
import { channelOf, type Session } from "./session.ts"

interface Evaluation {
  readonly script: Script
  readonly tag: string
  readonly rest: Args
  readonly isWrite?: boolean
  readonly late?: Done | undefined
  /** The message that the script publishes if it changes anything. */
  readonly tells?: string
  readonly isDivisible?: boolean | undefined
}

export const evaluate = (session: Session, evaluation: Evaluation, done: Done): void => {
  const { rest, script } = evaluation
  send(session, evaluation, ["EVALSHA", script.sha, ...rest], (answer) => {
    if (isFault(answer) && answer.code === "NOSCRIPT") send(session, evaluation, ["EVAL", script.source, ...rest], done)
    else done(answer)
  })
}

const send = (
  session: Session,
  { isDivisible, isWrite = false, late, tag, tells = "" }: Evaluation,
  args: Args,
  done: Done
): void => {
  const { replicas, waitMillis, wire } = session
  // While a slot moves, its subscribers are still at its owner.
  const toOwner = tells === "" ? undefined : [publish(wire.isCluster), channelOf(session, tag), tells]
  if (!isWrite || replicas === 0) return wire.send(tag, args, done, { late, toOwner, isDivisible })
  const [onAnswer, onReplicas] = both((answer, count) => {
    if (isFault(answer) || !isFault(count) && Number(count) >= replicas) return done(answer)
    done(
      isFault(count)
        ? count
        : new Fault("Unavailable", `${Number(count)} of ${replicas} replicas acknowledged the write`)
    )
  })
  wire.send(tag, args, onAnswer, { toOwner, isDivisible })
  // `WAIT` covers only writes that were sent earlier on the same connection.
  wire.send(tag, ["WAIT", String(replicas), String(waitMillis)], onReplicas)
}

interface OutsideEras {
  readonly tag: string
  readonly keys: ReadonlyArray<string>
  readonly args: Args
  readonly late?: Done | undefined
}

export const runOutsideEras = (
  session: Session,
  name: Name,
  { args, keys, late, tag }: OutsideEras,
  done: Done
): void =>
  evaluate(session, { script: session.scripts[name], tag, rest: [String(keys.length), ...keys, ...args], late }, done)
