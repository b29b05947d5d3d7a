/** The places of servers that options of Redis name. */
import { expect, it } from "@effect/vitest"
import { configOf } from "../../../src/drivers/redis/options.ts"

it("a Sentinel without a port is looked for on 26379, a server on 6379", () => {
  const { sentinel } = configOf("here", { sentinel: { name: "main", nodes: ["one", "two:5000"] } })
  expect(sentinel!.addresses).toEqual([{ host: "one", port: 26_379 }, { host: "two", port: 5000 }])
  expect(configOf("here", { url: "redis://one" }).addresses).toEqual([{ host: "one", port: 6379 }])
})
