/** Runs the lookup of many keys, and checks its answers. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { infoOf, type Key } from "../../key/ofKey.ts"
import { problemOf } from "../../options/exits.ts"
import type { BatchAnswers, LoadAll } from "../state.ts"
import { sortAnswers, type Sorted } from "./unasked.ts"

/** Runs `loadAll`. Orders a `Map` of answers by `keys`, and passes answers for other keys to `onUnasked`. */
export const inOrder = (
  keys: ReadonlyArray<Key>,
  loadAll: LoadAll,
  onUnasked: (answers: Sorted["unasked"]) => void = () => {}
): Effect.Effect<BatchAnswers, unknown, any> =>
  Effect.flatMap(Effect.suspend(() => loadAll(keys)), (answers) => {
    return answers instanceof Map
      ? Effect.map(sortAnswers(keys, answers, nameOf(keys)), ({ exits, unasked }) => {
        onUnasked(unasked)
        return exits
      })
      : Effect.succeed(answers as BatchAnswers)
  })

const results = {
  item: "key",
  list: "a list or a Map",
  advice: "return one Exit for each key, in their order or by key"
}

export const checked = <E, R>(
  keys: ReadonlyArray<Key>,
  lookup: Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, E, R>
): Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, E, R> =>
  Effect.flatMap(lookup, (exits) => {
    const problem = problemOf(exits, keys.length, results)
    return problem === undefined
      ? Effect.succeed(exits)
      : Effect.die(new Error(`The lookup of ${nameOf(keys)} ${problem}`))
  })

const nameOf = ([key]: ReadonlyArray<Key>): string => `many "${infoOf(key!)?.name ?? "strings"}"`
