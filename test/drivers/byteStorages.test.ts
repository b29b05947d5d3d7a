/** Caches in folders that unstorage and Effect keep, opened by one process after another. */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { describe, expect } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { PersistenceStore } from "effect-cached/persistence"
import { UnstorageStore } from "effect-cached/unstorage"
import { KeyValueStore } from "effect/persistence"
import { globSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createStorage } from "unstorage"
import fsDriver from "unstorage/drivers/fs"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)

const folders = {
  unstorage: (base: string) => UnstorageStore.layer(createStorage({ driver: fsDriver({ base }) })),
  Effect: (directory: string) =>
    PersistenceStore.layer().pipe(
      Layer.provide(KeyValueStore.layerFileSystem(directory)),
      Layer.provide(platform),
      Layer.orDie
    )
}

describe.each(Object.entries(folders))("a cache in a folder by %s", (_, open) => {
  test.live("is there for the next process, with its tags, whatever its ids are", function*() {
    const directory = yield* tempDirectory
    const inProcess = <A, E>(effect: Effect.Effect<A, E, any>) =>
      Effect.provide(effect, Layer.provide(CacheLayer.layer(), open(directory))) as Effect.Effect<A, E>
    const ids = ["", "a", "a:b", "../../up", "A", "ä/ö\\ü?#%", "x".repeat(5000), "con", " "]
    const get = (id: number) =>
      Effect.succeed(`user ${id}`).pipe(Cached.ttl(new User({ id }), { ttl: "1 hour", tags: ["all"] }))
    yield* inProcess(Effect.andThen(Cached.setMany(ids.map((id) => [id, id] as const)), get(1)))
    // The first load that names a new tag creates the tag's marker, and its result is not stored.
    yield* inProcess(get(1))
    yield* inProcess(Effect.gen(function*() {
      expect((yield* Cached.getMany(ids)).map(Option.getOrUndefined)).toEqual(ids)
      expect(yield* Cached.getOption(new User({ id: 1 }))).toEqual(Option.some("user 1"))
      expect(yield* Cached.size).toBe(ids.length + 1)
      yield* Cached.invalidate({ tag: "all" })
      yield* Cached.remove("a")
    }))
    yield* inProcess(Effect.gen(function*() {
      expect(yield* Cached.getOption(new User({ id: 1 }))).toEqual(Option.none())
      expect(yield* Cached.has("a")).toBe(false)
      expect(yield* Cached.has("a:b")).toBe(true)
      yield* Cached.invalidate({ matching: "a:*" })
      expect(yield* Cached.has("a:b")).toBe(false)
      yield* Cached.clear
      expect(yield* Cached.size).toBe(0)
    }))
  })

  test.live("PE-15 · misses files that are damaged or gone", function*() {
    const directory = yield* tempDirectory
    const inProcess = <A, E>(effect: Effect.Effect<A, E, any>) =>
      Effect.provide(effect, Layer.provide(CacheLayer.layer(), open(directory))) as Effect.Effect<A, E>
    yield* inProcess(Cached.setMany([["a", 1], ["b", 2], ["c", 3]]))
    const files = globSync("**/*[abc]", { cwd: directory }).filter((file) => /[abc]$/.test(file)).toSorted()
    const [first, second] = files.filter((file) => !file.endsWith("cached"))
    writeFileSync(join(directory, first!), "x")
    rmSync(join(directory, second!))
    expect((yield* inProcess(Cached.getMany(["a", "b", "c"]))).map(Option.getOrUndefined))
      .toEqual([undefined, undefined, 3])
  })
})
