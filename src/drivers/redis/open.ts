/** Opens the connections to Redis that the store, the locks and the guards use. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect } from "./connection/router.ts"
import { Fault, isFault } from "./fault.ts"
import type { Config } from "./options.ts"
import * as Keys from "./protocol/keys.ts"
import * as Scripts from "./protocol/scripts/all.ts"
import * as Debts from "./session/debts.ts"
import { control } from "./session/era.ts"
import { evaluate } from "./session/evaluate.ts"
import * as Session from "./session/session.ts"
import * as Recovery from "./store/recovery.ts"
import { silence } from "./tracking/published.ts"

export interface Opened {
  readonly session: Session.Session
  readonly config: Config
  readonly recovery: Recovery.Recovery
  readonly debts: Debts.Debts
}

/** Connects and checks the user's permissions. Retries an unreachable server, or fails if `connect` is `"required"`. */
export const open = Effect.fnUntraced(function*(config: Config): Effect.fn.Return<Opened, Fault, Scope.Scope> {
  const { commandMillis, isCluster, isRequired, prefix, replicas, scrub } = config
  const keys = Keys.make(prefix)
  const scripts = Scripts.make(isCluster)
  const recovery = yield* Recovery.make({ keys, scripts, scrub })
  const wire = yield* connect(config, {
    controlTag: keys.controlTag,
    recover: (fresh) => Recovery.recover(recovery, fresh),
    scripts: Object.values(scripts).map(({ source }) => source)
  })
  const waitMillis = Math.max(1, Math.floor(commandMillis / 2))
  const session = Session.make({ keys, scripts, wire, replicas, waitMillis })
  const [rights, era] = yield* Effect.all([
    Effect.callback<unknown>((resume) => {
      const channel = Session.channelOf(session, keys.controlTag)
      const rest = ["1", `${keys.era}:rights`, channel, silence]
      const call = { script: scripts.rights, tag: keys.controlTag, rest }
      evaluate(session, call, (answer) => resume(Effect.succeed(answer)))
    }),
    Effect.callback<unknown>((resume) => control(session, (answer) => resume(Effect.succeed(answer))))
  ], { concurrency: "unbounded" })
  const missing = Array.isArray(rights) ? rights.map(String).join(", ") : ""
  const tried = missing !== ""
    ? new Fault("Denied", `NOPERM scripts of this user may not run ${missing}`, "NOPERM", true)
    : isFault(rights)
    ? rights
    : era
  if (isFault(tried) && (isRequired || tried.reason === "Denied")) return yield* Effect.fail(tried)
  return { session, config, recovery, debts: yield* Debts.make }
})
