/** Pathway's program: a table of e-mail addresses, checked by an API that is asked once for each row, over all runs. */
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { tempDirectory } from "../../support/tempDirectory.ts"

it.effect("PW-01 · run 1 asks 6 times, run 2 with the same rows never, run 3 with three new ones 3 times", () =>
  Effect.gen(function*() {
    const directory = yield* tempDirectory
    let calls = 0
    const isDisposable = Cached.fn(
      (email: string) => `disposable:${email}`,
      (email) =>
        Effect.sync(() => {
          calls++
          return email.endsWith("@trash.example")
        }),
      { strategy: "untilInvalidated" }
    )
    // The caller decides where results are kept.
    const run = (emails: ReadonlyArray<string>) =>
      Effect.forEach(emails, isDisposable).pipe(
        Effect.provide(Layer.fresh(CacheLayer.disk({ directory })), { local: true }),
        Effect.map((answers) => [answers.filter((answer) => answer).length, calls])
      )
    const first = ["a@x.example", "b@x.example", "c@trash.example", "d@x.example", "e@x.example", "f@trash.example"]
    expect(yield* run(first)).toEqual([2, 6])
    expect(yield* run(first)).toEqual([2, 6])
    expect(yield* run([...first.slice(0, 3), "g@x.example", "h@trash.example", "i@x.example"])).toEqual([2, 9])
  }).pipe(Effect.scoped))
