/** The responses that two users of nginx and Varnish share, as docs/http-server/users.md says. */
import { describe, expect, it } from "@effect/vitest"
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { type Kind, requests, responses, sharedBy } from "../http/users.ts"
import { commandOf, type Program, startProxy } from "../proofs/cacheTests/proxies.ts"
import { isMissing } from "../support/needs.ts"

const inFrontOf = async (program: Program) => {
  const runs = new Map<string, number>()
  const origin = createServer(({ headers, url }, answer) => {
    const [kind, response] = decodeURIComponent(url!.slice(1)).split("/") as [Kind, string]
    runs.set(url!, (runs.get(url!) ?? 0) + 1)
    const field = requests[kind]
    const user = field === undefined ? "anonymous" : headers[field]
    const { control, cookie, vary } = responses[response]!
    if (control !== undefined) answer.setHeader("cache-control", control)
    if (cookie !== undefined) answer.setHeader("set-cookie", `sid=${user}`)
    if (vary === true && field !== undefined) answer.setHeader("vary", field)
    answer.end(`for ${user}`)
  }).listen(0, "127.0.0.1")
  await new Promise((resolve) => origin.once("listening", resolve))
  const proxy = await startProxy(program, (origin.address() as AddressInfo).port)
  const ask = (path: string, headers: Record<string, string>) =>
    new Promise<void>((resolve, reject) => {
      request({ host: "127.0.0.1", port: proxy.port, path, headers }, (answer) => answer.resume().on("end", resolve))
        .on("error", reject).end()
    })
  const stop = async () => {
    await proxy.stop()
    origin.close()
  }
  return { ask, runs, stop }
}

describe.each<Program>(["nginx", "varnish"])("%s", (program) => {
  it.skipIf(isMissing(commandOf[program]))("shares with two users what the page says", async () => {
    const { ask, runs, stop } = await inFrontOf(program)
    const faults: Array<string> = []
    for (const [kind, field] of Object.entries(requests) as Array<[Kind, string | undefined]>) {
      for (const [response, told] of Object.entries(responses)) {
        const path = `/${encodeURIComponent(`${kind}/${response}`)}`
        for (const user of ["ann", "bob"]) {
          await ask(path, field === undefined ? {} : { [field]: kind === "the same API key" ? "team" : user })
        }
        const expected = sharedBy(program, kind, told) ? 1 : 2
        if (runs.get(path) !== expected) faults.push(`${kind}, ${response}: ${runs.get(path)} in place of ${expected}`)
      }
    }
    await stop()
    expect(faults).toEqual([])
  })
})
