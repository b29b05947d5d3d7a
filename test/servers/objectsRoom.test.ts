/** Processes that fill one bucket with a `maxSize` clean up one at a time, and hold it. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { decode } from "../../src/drivers/objects/store/record.ts"
import { type Asked, listen, make } from "../support/s3.ts"
import { until } from "../support/until.ts"

const program = fileURLToPath(new URL("objectsRoomProcess.ts", import.meta.url))
const maxSize = 300_000
const keyOf = ({ headers }: Asked): string => /Credential=(\w+)/.exec(headers["authorization"] ?? "")![1]!

it.live("PE-12 · processes that fill one bucket clean up one at a time", () =>
  Effect.gen(function*() {
    const s3 = make()
    const wrong: Array<string> = []
    const cleaners = new Set<string>()
    let holder: string | undefined
    s3.before = (asked) => {
      if (asked.method === "PUT" && asked.target.endsWith("/r/turn")) {
        const known = s3.objects.get("effect-cached/r/turn")?.etag
        const isAccepted = asked.headers["if-match"] === known
        const owner = decode(asked.body)?.head.lease?.owner
        if (isAccepted) holder = owner === "" ? undefined : keyOf(asked)
      }
      if (/list-type.*prefix=effect-cached%2F(&|$)/.test(asked.target)) {
        cleaners.add(keyOf(asked))
        if (keyOf(asked) !== holder) wrong.push(`${keyOf(asked)} lists in the turn of ${holder}`)
      }
      return undefined
    }
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => listen(s3)),
      (server) => Effect.promise(server.stop)
    )
    const accessKeyIds = ["one", "two", "three"]
    for (const accessKeyId of accessKeyIds) s3.keys.set(accessKeyId, "secret")
    let written = 0
    for (const accessKeyId of accessKeyIds) {
      const plan = { accessKeyId, count: 60, endpoint: server.endpoint, maxSize, secret: "secret" }
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          fork(program, [JSON.stringify(plan)], {
            execArgv: ["--conditions=effect-cached-source", "--no-warnings"]
          }).on("message", () => written++)
        ),
        (child) => Effect.sync(() => child.kill())
      )
    }
    const size = () =>
      Array.from(s3.objects).reduce((sum, [name, { body }]) => sum + (name.includes("/e/") ? body.length : 0), 0)
    yield* until("all writes", Effect.sync(() => written === accessKeyIds.length))
    yield* until("a clean-up", Effect.sync(() => size() <= maxSize * (1 + accessKeyIds.length / 16)))
    expect(wrong).toEqual([])
    expect(cleaners.size).toBeGreaterThan(0)
    expect(size()).toBeGreaterThan(maxSize / 2)
  }))
