/** Opens the connections to Redis that the store, the locks and the guards use. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect } from "./connection/router.ts"
import { type Fault, isFault } from "./fault.ts"
import type { Config } from "./options.ts"
import * as Keys from "./protocol/keys.ts"
import * as Scripts from "./protocol/scripts/all.ts"
import { rightsOf } from "./rights.ts"
import * as Debts from "./session/debts.ts"
import { control } from "./session/era.ts"
import * as Session from "./session/session.ts"
import * as Recovery from "./store/recovery.ts"

export interface Opened {
  readonly session: Session.Session
  readonly config: Config
  readonly recovery: Recovery.Recovery
  readonly debts: Debts.Debts
}

/** Connects. Retries an unreachable server, or fails if `connect` is `"required"`. */
export const open = Effect.fnUntraced(function*(config: Config): Effect.fn.Return<Opened, Fault, Scope.Scope> {
  const { commandMillis, isCluster, isRequired, prefix, replicas, scrub } = config
  const keys = Keys.make(prefix)
  const scripts = Scripts.make(isCluster)
  const recovery = yield* Recovery.make({ keys, scripts, scrub })
  const wire = yield* connect(config, {
    controlTag: keys.controlTag,
    recover: (fresh) => Recovery.recover(recovery, fresh),
    rights: rightsOf(keys, config),
    scripts: Object.values(scripts).map(({ source }) => source)
  })
  const waitMillis = Math.max(1, Math.floor(commandMillis / 2))
  const session = Session.make({ keys, scripts, wire, replicas, waitMillis })
  const era = yield* Effect.callback<unknown>((resume) => control(session, (answer) => resume(Effect.succeed(answer))))
  if (isFault(era) && (isRequired || era.reason === "Denied")) return yield* Effect.fail(era)
  return { session, config, recovery, debts: yield* Debts.make }
})
