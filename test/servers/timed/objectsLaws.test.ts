/** The laws of stores hold for buckets that honour conditions, and for buckets that do not. Time is real. */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { ObjectStore } from "effect-cached/objects"
import { lastingStoreLaws, type Law, sharedStoreLaws, storeLaws } from "effect-cached/testing"
import { HttpClient } from "effect/http"
import { endedRemovals } from "../../support/endedRemovals.ts"
import { clientOf, key, make, type S3 } from "../../support/s3.ts"
import { storeFrom } from "../../support/storeFrom.ts"

const over = (s3: S3) =>
  storeFrom(ObjectStore.layer({
    bucket: s3.bucket,
    endpoint: "http://s3.test",
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: Redacted.make(key.secret) },
    prefix: "a b/é&<"
  })).pipe(Effect.provideService(HttpClient.HttpClient, clientOf(s3)))

const ignoring = (): S3 => Object.assign(make(), { conditions: "ignored" as const })

const lasting = (s3: S3) => ({
  open: over(s3),
  evictMarkers: Effect.sync(() => {
    for (const name of s3.objects.keys()) if (name.includes("/t/")) s3.objects.delete(name)
  })
})

/** Many requests at once would delay laws about time. */
const isBusy = ({ name }: Law): boolean => /600|many|concurrent|large/.test(name)

/** Most laws wait for most of their time, so that several run at once. */
const hold = (laws: ReadonlyArray<Law>): void => {
  const exits = new Map<Law, Exit.Exit<void, unknown>>()
  const run = (some: ReadonlyArray<Law>, concurrency: number) =>
    Effect.forEach(some, (law) => Effect.map(Effect.exit(law.run), (exit) => exits.set(law, exit)), {
      concurrency,
      discard: true
    })
  beforeAll(() =>
    Effect.runPromise(
      Effect.andThen(run(laws.filter(isBusy), 1), run(laws.filter((law) => !isBusy(law)), 8))
    ), 120_000)
  for (const law of laws) it(law.name, () => expect(exits.get(law)).toEqual(Exit.void))
}

describe("AI-01 · a bucket that honours conditions", () => {
  const one = Effect.suspend(() => over(make()))
  hold([...storeLaws(one), endedRemovals(one)])
})

describe("AI-01 · a bucket that two processes share", () => {
  hold(sharedStoreLaws(Effect.suspend(() => {
    const s3 = Object.assign(make(), { pageSize: 7 })
    return Effect.all([over(s3), over(s3)])
  })))
})

describe("AI-01 · a bucket that is opened again", () => {
  hold(lastingStoreLaws(Effect.sync(() => lasting(make()))))
})

describe("AI-01 · a bucket that ignores conditions", () => {
  hold([
    ...storeLaws(Effect.suspend(() => over(ignoring()))),
    ...lastingStoreLaws(Effect.sync(() => lasting(ignoring())))
  ])
})
