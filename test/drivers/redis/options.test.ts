/** The places of servers that options of Redis name. */
import { expect, it } from "@effect/vitest"
import { CacheLayer } from "effect-cached"
import { RedisGuards, RedisStore } from "effect-cached/redis"
import { configOf } from "../../../src/drivers/redis/options.ts"

it("a Sentinel without a port is looked for on 26379, a server on 6379", () => {
  const { sentinel } = configOf("here", { sentinel: { name: "main", nodes: ["one", "two:5000"] } })
  expect(sentinel!.addresses).toEqual([{ host: "one", port: 26_379 }, { host: "two", port: 5000 }])
  expect(configOf("here", { url: "redis://one" }).addresses).toEqual([{ host: "one", port: 6379 }])
})

it("nodes are those of a cluster, and an address beside them is refused", () => {
  const config = configOf("here", { nodes: ["redis://one", "redis://two:7000"] })
  expect(config).toMatchObject({ isCluster: true, name: "the cluster of one:6379", settings: { database: 0 } })
  expect(config.addresses).toEqual([{ host: "one", port: 6379 }, { host: "two", port: 7000 }])
  const nodes = ["redis://one"]
  const layers = [CacheLayer.redis, RedisStore.layer, RedisGuards.layer]
  for (const layer of layers as ReadonlyArray<(options: object) => unknown>) {
    for (
      const [beside, message] of [
        [{ url: "redis://one" }, /"nodes" finds the cluster: leave "url" out/],
        [{ sentinel: { name: "main", nodes: ["one:1"] } }, /"nodes" finds the cluster: leave "sentinel" out/],
        [{ client: () => ({}) }, /"nodes" finds the cluster: leave "client" out/],
        [{ database: 1 }, /a cluster, which has database 0 only: leave "database" out/],
        [{ nodes: undefined }, /"nodes" is there and undefined/],
        [{ nodes: [] }, /"nodes" must be a list of at least one URL/]
      ] as const
    ) {
      expect(() => layer({ nodes, ...beside })).toThrow(message)
      expect(() => layer({ nodes, ...beside })).toThrow(expect.objectContaining({ _tag: "CacheConfigError" }))
    }
    expect(() => layer({ nodes, database: 0 })).not.toThrow()
  }
})
