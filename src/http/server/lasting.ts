/** Keeps open what a handler has acquired until the body of its response has been sent. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { gone } from "../client/bodies.ts"

type Response = HttpServerResponse.HttpServerResponse

/**
 * Runs a handler in a scope of its own. That of its load closes before the body is read, and that of its request as
 * soon as its client leaves, although others read on. A body that no one has begun by then is gone.
 */
export const lasting = <E>(
  handler: Effect.Effect<Response, E, any>,
  ofRequest: Scope.Scope
): Effect.Effect<Response, E, any> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    const isSent = ({ body }: Response) => body._tag === "Empty" || body._tag === "Uint8Array"
    const run = Effect.onExit(
      Effect.provideService(handler, Scope.Scope, scope),
      (exit) => Exit.isFailure(exit) || isSent(exit.value) ? Scope.close(scope, exit) : Effect.void
    )
    return Effect.flatMap(run, (response) => {
      if (isSent(response)) return Effect.succeed(response)
      const isEmpty = scope.state._tag === "Empty"
      const { body } = response
      let isRead = false
      const closed = Scope.addFinalizerExit(ofRequest, (exit) => {
        if (isRead) return Effect.void
        isRead = true
        return Scope.close(scope, exit)
      })
      if (body._tag !== "Stream") return isEmpty ? Effect.succeed(response) : Effect.as(closed, response)
      const stream = Stream.suspend(() => {
        if (isRead) return Stream.fail(gone)
        isRead = true
        return Stream.onExit(body.stream, (exit) => Scope.close(scope, exit))
      })
      const kept = HttpBody.stream(stream, body.contentType, body.contentLength)
      // `HttpServerResponse.setBody` would replace fields that the handler has set.
      const given: Response = Object.assign(Object.create(Object.getPrototypeOf(response)), response, { body: kept })
      return isEmpty ? Effect.succeed(given) : Effect.as(closed, given)
    })
  })
