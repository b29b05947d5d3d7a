/** No layer. */
import { Effect } from "effect"
import { Cached } from "effect-cached"

const program = Effect.succeed(1).pipe(Cached.ttl("one", { ttl: "1 hour" }))

Effect.runPromise(program)
