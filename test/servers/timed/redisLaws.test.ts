/** The laws of stores hold for Redis: a server, and a cluster. Time is real, since the server's counts. */
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Store } from "effect-cached/adapters"
import { RedisGuards, RedisStore } from "effect-cached/redis"
import { lockLaws, sharedStoreLaws, storeLaws } from "effect-cached/testing"
import { singly } from "../../../src/testing/internal/singly.ts"
import { endedRemovals } from "../../support/endedRemovals.ts"
import { forAll } from "../../support/forAll.ts"
import { isMissing } from "../../support/needs.ts"
import { pluralOf } from "../../support/pluralOf.ts"
import { freshPrefix, program, type Server, startCluster, startServer, urlOfDocumented } from "../../support/redis.ts"
import { lockOf } from "../../support/services.ts"
import { storeFrom } from "../../support/storeFrom.ts"

/** As another store whose ids and counters are all in one slot: there a cluster has whole transactions. */
const inOneSlot = (store: Store.Store): Store.Store => {
  const brace = "{laws}"
  const at = (text: string) => brace + text
  const back = (text: string) => text.slice(brace.length)
  const moved = <A extends Store.TransactRequest["checks"][number] | Store.TransactStep>(one: A): A =>
    "id" in one ? { ...one, id: at(one.id) } : "name" in one ? { ...one, name: at(one.name) } : one
  return {
    ...store,
    getCallback: undefined,
    get: (id, tags) => store.get(at(id), tags),
    set: pluralOf.set((id, entry, condition) => singly(store).set(at(id), entry, condition)),
    remove: pluralOf.remove((id) => singly(store).remove(at(id))),
    acquire: pluralOf.acquire((id, options) => singly(store).acquire(at(id), options)),
    commit: pluralOf.commit((id, generation, entry) => singly(store).commit(at(id), generation, entry)),
    increment: (name, by, options) => store.increment(at(name), by, options),
    counter: (name) => store.counter(at(name)),
    transact: ({ checks, steps }) =>
      Effect.map(
        store.transact!({ checks: checks.map(moved), steps: steps.map(moved) }),
        (answer) =>
          answer._tag === "Committed"
            ? { ...answer, refused: answer.refused.map(back) }
            : { ...answer, ids: answer.ids.map(back), names: answer.names.map(back) }
      )
  }
}

const connect = "required"
/** A machine under load answers late. */
const storeTimeout = 5000

describe.skipIf(isMissing(program))("Redis", () => {
  describe.concurrent("CA-07 · AI-01 · a server", () => {
    let server: Server
    let url: string
    beforeAll(async () => {
      server = await startServer()
      url = await urlOfDocumented(server)
    })
    afterAll(() => server.end())
    const make = Effect.suspend(() =>
      storeFrom(RedisStore.layer({ url, prefix: freshPrefix(), connect, storeTimeout }))
    )
    for (const law of [...storeLaws(make), endedRemovals(make)]) it.live(law.name, () => law.run)
    const two = Effect.suspend(() => {
      const options = { url, prefix: freshPrefix(), connect, storeTimeout } as const
      return Effect.all([storeFrom(RedisStore.layer(options)), storeFrom(RedisStore.layer(options))])
    })
    for (const law of sharedStoreLaws(two)) it.live(`shared: ${law.name}`, () => law.run)
    const locks = Effect.suspend(() => {
      const options = { url, prefix: freshPrefix(), connect } as const
      return Effect.all([lockOf(RedisGuards.layer(options)), lockOf(RedisGuards.layer(options))])
    })
    for (const law of lockLaws(locks)) it.live(`locks: ${law.name}`, () => law.run)
  })

  describe.concurrent("CA-07 · AI-01 · a cluster", () => {
    const cluster = forAll(() => startCluster())
    const make = Effect.suspend(() =>
      storeFrom(RedisStore.layer({ nodes: cluster.nodes, prefix: freshPrefix(), connect, storeTimeout }))
    )
    for (const law of [...storeLaws(make), endedRemovals(make)]) it.live(law.name, () => law.run)
    for (const law of storeLaws(Effect.map(make, inOneSlot))) {
      if (/\btransact\b/.test(law.name)) it.live(`in one slot: ${law.name}`, () => law.run)
    }
    const two = Effect.suspend(() => {
      const options = { nodes: cluster.nodes, prefix: freshPrefix(), connect, storeTimeout } as const
      return Effect.all([storeFrom(RedisStore.layer(options)), storeFrom(RedisStore.layer(options))])
    })
    for (const law of sharedStoreLaws(two)) it.live(`shared: ${law.name}`, () => law.run)
    const locks = Effect.suspend(() => {
      const options = { nodes: cluster.nodes, prefix: freshPrefix(), connect } as const
      return Effect.all([lockOf(RedisGuards.layer(options)), lockOf(RedisGuards.layer(options))])
    })
    for (const law of lockLaws(locks)) it.live(`locks: ${law.name}`, () => law.run)
  })
})
