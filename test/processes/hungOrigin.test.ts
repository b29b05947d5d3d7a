/** An origin with real sockets that never answers once, or stops in the middle of a body. */
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CacheLayer } from "effect-cached"
import { CachedHttpClient } from "effect-cached/http"
import { FetchHttpClient, HttpClient } from "effect/http"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** Serves `first` once, and after that a whole body. */
const served = Effect.fnUntraced(function*(first: (response: ServerResponse) => void) {
  const state = { requests: 0 }
  const server = createServer((_, response) => {
    if (++state.requests === 1) return first(response)
    response.writeHead(200, { "cache-control": "max-age=60" }).end("whole")
  })
  yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
  )
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
})

const halves = (length: Record<string, string>) => (response: ServerResponse) =>
  void response.writeHead(200, { "cache-control": "max-age=60", ...length }).write("who")

it.live.each(
  [
    ["never answers", () => {}],
    ["sends half of a body", halves({})],
    ["sends half of a body whose length it has announced", halves({ "content-length": "5" })]
  ] as const
)("a server that %s once: the next requests share another one", ([, first]) =>
  Effect.gen(function*() {
    const { state, url } = yield* served(first)
    const client = yield* HttpClient.HttpClient
    const ask = client.get(url).pipe(
      Effect.flatMap((response) => response.text),
      Effect.timeout(2000),
      Effect.catch(() => Effect.succeed("failed"))
    )
    const answers: Array<string> = []
    for (let i = 0; i < 250 && !answers.includes("whole"); i++) {
      yield* Effect.forkChild(Effect.map(ask, (answer) => answers.push(answer)))
      yield* Effect.sleep(40)
    }
    expect(answers).toContain("whole")
    expect(state.requests).toBe(2)
  }).pipe(
    Effect.provide(
      CachedHttpClient.layer({ mode: "shared", timeout: 500 }).pipe(
        Layer.provide([FetchHttpClient.layer, CacheLayer.memory()])
      )
    ),
    Effect.scoped
  ))
