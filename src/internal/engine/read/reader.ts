/** The state of one read that is not a plain hit in memory. */
import type * as Fiber from "effect/Fiber"
import type { Engine } from "../engine.ts"
import type { Policy } from "../flight/callPolicy.ts"
import type { Request } from "../flight/request.ts"

/** What each step of a read needs. */
export interface Reader<out A = unknown, out E = unknown> {
  readonly engine: Engine
  readonly fiber: Fiber.Fiber<any, any>
  readonly request: Request<A, E>
  readonly id: string
  readonly policy: Policy
}
