/** The variables below a name, as a `ConfigProvider` has them. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"

/** A variable, by what follows the name, like `MAX_SIZE`. */
type Below = readonly [end: string, text: string]

/** All variables below a name, and the one that has the name itself, with an empty end. */
export const below = (name: string, mostParts: number): Effect.Effect<ReadonlyArray<Below>> =>
  Effect.gen(function*() {
    const provider = yield* ConfigProvider.ConfigProvider
    // The environment has a name in parts. Other sources have it as it is, or with its end.
    const root = yield* Effect.catch(provider.load([]), () => Effect.undefined)
    const whole = root?._tag === "Record" ? Array.from(root.keys).filter((key) => key.startsWith(`${name}_`)) : []
    const flat = yield* Effect.forEach(whole, (key) => load(provider, [key], [], 0))
    const all = [
      ...flat.flatMap((found, i) => found.map(([, text]): Below => [whole[i]!.slice(name.length + 1), text])),
      ...yield* load(provider, name.split("_"), [], mostParts),
      ...yield* load(provider, [name], [], mostParts)
    ]
    return Array.from(new Map(all))
  })

const load = (
  provider: ConfigProvider.ConfigProvider,
  name: ReadonlyArray<string>,
  parts: ReadonlyArray<string>,
  mostParts: number
): Effect.Effect<ReadonlyArray<Below>> =>
  Effect.gen(function*() {
    // A source that cannot be read is reported when the variables themselves are read.
    const node = yield* Effect.catch(provider.load([...name, ...parts]), () => Effect.undefined)
    if (node === undefined) return []
    const own: ReadonlyArray<Below> = node.value === undefined ? [] : [[parts.join("_"), node.value]]
    if (node._tag !== "Record" || parts.length === mostParts) return own
    const others = yield* Effect.forEach(node.keys, (part) => load(provider, name, [...parts, part], mostParts))
    return [...own, ...others.flat()]
  })
