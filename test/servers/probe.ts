/** Tries each layer where it runs, whatever that is: what the table of `docs/where-it-runs.md` says. */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { IndexedDbStore } from "effect-cached/indexedDb"

type Cache = Layer.Layer<Caching.Caching, unknown>

const layers: { readonly [name: string]: (directory: string) => Cache } = {
  "`CacheLayer.memory`": () => CacheLayer.memory({ flights: "private" }),
  "`CacheLayer.disk`": (directory) => CacheLayer.disk({ directory: `${directory}/disk` }),
  "`CacheLayer.files`": (directory) => CacheLayer.files({ directory: `${directory}/files` }),
  "[`IndexedDbStore`](persistence/browser.md)": () =>
    CacheLayer.layer().pipe(Layer.provide(IndexedDbStore.layer({ name: "probe" })))
}

/** The result of each layer on a platform, by its name. */
export type Probed = Readonly<Record<string, string>>

const reasonOf = (error: unknown): string =>
  `no: \`${Reflect.get(Object(error), "_tag")}\`, ${Reflect.get(Object(error), "reason")}`

/** Reads a key twice in each of two caches, the second of which opens what the first has closed. */
const probeOne = (layer: () => Cache): Effect.Effect<string> => {
  let loads = 0
  const get = Effect.sync(() => ++loads).pipe(Cached.ttl("probe", { ttl: "1 hour" }))
  const read = Effect.suspend(() => Effect.provide(Effect.all([get, get]), layer()))
  return Effect.match(Effect.andThen(read, read), {
    onFailure: reasonOf,
    onSuccess: (values) => values[0] === 1 ? "yes" : loads === 2 && values[1] === 2 ? "yes, until it ends" : "wrong"
  })
}

/** Tries all layers; `directory` is a folder that may be used, where there are folders. */
export const probe = (directory: string): Promise<Probed> =>
  Effect.runPromise(
    Effect.all(
      Object.fromEntries(Object.entries(layers).map(([name, layer]) => [name, probeOne(() => layer(directory))]))
    )
  )
