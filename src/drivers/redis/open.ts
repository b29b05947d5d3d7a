/** Opens what the store and the lock need: the way to the servers, and the names of the keys. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Session from "./connection/commands.ts"
import * as Wire from "./connection/router.ts"
import { type Fault, isFault } from "./fault.ts"
import type { Config } from "./options.ts"
import * as Keys from "./protocol/keys.ts"
import * as Scripts from "./protocol/scripts/all.ts"
import * as Recovery from "./store/recovery.ts"

/** What the store and the lock of one program share. */
export interface Opened {
  readonly session: Session.Session
  readonly wire: Wire.Wire
  readonly keys: Keys.Keys
  readonly config: Config
  readonly recovery: Recovery.Recovery
}

/**
 * Connects and tries out whether the user may do what the store does. A server that cannot be reached is left to be reached
 * later, unless it is required.
 */
export const open = (config: Config): Effect.Effect<Opened, Fault, Scope.Scope> =>
  Effect.gen(function*() {
    const keys = Keys.make(config.prefix)
    const scripts = Scripts.make(config.isCluster)
    const recovery = yield* Recovery.make({ keys, scripts, scrub: config.scrub })
    const wire = yield* Wire.connect(config, {
      controlTag: keys.controlTag,
      recover: recovery.recover,
      scripts: Object.values(scripts).map(({ source }) => source)
    })
    const session = Session.make({
      keys,
      scripts,
      wire,
      replicas: config.replicas,
      waitMillis: Math.max(1, Math.floor(config.commandMillis / 2))
    })
    const tried = yield* Effect.callback<unknown>((resume) => {
      session.run("counter", { keys: [["n", ""]] }, (answer) => resume(Effect.succeed(answer)))
    })
    if (isFault(tried) && (config.isRequired || tried.reason === "Denied")) return yield* Effect.fail(tried)
    return { session, wire, keys, config, recovery }
  })
