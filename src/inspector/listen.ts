/** A server of Node for the page alone. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServer } from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

interface Listen {
  readonly host: string
  readonly port: number
  /** The token to print, if it was made at random. */
  readonly secret: string | undefined
}

export const serve = (routes: Layer.Layer<never, never, any>, { host, port, secret }: Listen) => {
  // Not through the logger, which might send the token to another place.
  const announce = Effect.flatMap(HttpServer, ({ address }) =>
    Effect.sync(() => {
      const at = host.includes(":") ? `[${host}]` : host
      const { port } = address as unknown as { readonly port: number }
      process.stderr.write(`Cache inspector: http://${at}:${port}/${secret === undefined ? "" : `#token=${secret}`}\n`)
    }))
  return Layer.effectDiscard(announce).pipe(
    Layer.merge(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
    Layer.provide(NodeHttpServer.layer(() => createServer(), {
      host,
      port,
      // A page that is open would otherwise keep the program from ending.
      gracefulShutdownTimeout: 0
    }))
  )
}
