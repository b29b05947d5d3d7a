/** Which Sentinel is asked for the master. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Client } from "../../../src/drivers/redis/connection/client.ts"
import { locateMaster } from "../../../src/drivers/redis/connection/sentinel.ts"

const settings = { username: undefined, password: undefined, database: 0, tls: undefined }

it.effect("each time another one is asked first: one that is cut off may name a dead master", () =>
  Effect.gen(function*() {
    const masters: Record<string, ReadonlyArray<string> | undefined> = { cut: ["dead", "1"], one: ["live", "2"] }
    const asked: Array<string> = []
    const makeClient = (address?: { readonly host: string }) =>
      ({
        on: () => {},
        destroy: () => {},
        connect: async () => {},
        sendCommand: async () => {
          asked.push(address!.host)
          return masters[address!.host]
        }
      }) as unknown as Client
    const addresses = ["cut", "unknowing", "one"].map((host) => ({ host, port: 26_379 }))
    const locate = locateMaster({ name: "main", addresses, settings }, { makeClient, scrub: (text) => text })
    const found = yield* Effect.all(Array.from({ length: 4 }, () => Effect.map(locate, ({ host }) => host)))
    expect(found).toEqual(["dead", "live", "live", "dead"])
    expect(asked).toEqual(["cut", "unknowing", "one", "one", "cut"])
  }))
