/** A server that runs for all tests of a `describe`, and ends after them. */
import { afterAll, beforeAll } from "@effect/vitest"

export const forAll = <A extends { readonly end: () => Promise<unknown> }>(start: () => Promise<A>): A => {
  let one: A | undefined
  beforeAll(async () => {
    one = await start()
  }, 240_000)
  afterAll(() => one?.end())
  return new Proxy({} as A, { get: (_, name) => Reflect.get(one!, name) })
}
