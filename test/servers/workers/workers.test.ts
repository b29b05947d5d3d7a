/** Requests of a Worker share a cache whose flights are private, in workerd. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { isMissing } from "../../support/needs.ts"
import { type Miniflare, start } from "./workerd.ts"

const skipped = isMissing("workerd")

describe.skipIf(skipped)("in workerd, with private flights", () => {
  let worker: Miniflare
  let url: URL

  beforeAll(async () => {
    worker = await start()
    url = await worker.ready
  }, 60_000)
  afterAll(() => worker.dispose())

  const get = async (path: string, init?: RequestInit): Promise<readonly [status: number, answer: unknown]> => {
    const response = await fetch(new URL(path, url), init)
    const text = await response.text()
    return [response.status, response.ok ? JSON.parse(text) : text]
  }
  const atOnce = (count: number, path: string) => Promise.all(Array.from({ length: count }, () => get(path)))
  const statusesOf = (answers: ReadonlyArray<readonly [status: number, answer: unknown]>) =>
    answers.map(([status]) => status)
  const untilLoaded = (key: string, times: number) =>
    expect.poll(() => get(`/loads?key=${key}`), { timeout: 10_000 }).toEqual([200, times])
  const pause = (millis: number) => new Promise((resume) => setTimeout(resume, millis))

  it("four readers of one key at once are four answers, and then there is one", async () => {
    expect(statusesOf(await atOnce(4, "/ttl?key=four"))).toEqual([200, 200, 200, 200])
    const [, answer] = await get("/ttl?key=four")
    expect(await atOnce(4, "/ttl?key=four")).toEqual(Array.from({ length: 4 }, () => [200, answer]))
    expect(await get("/loads?key=four")).toEqual([200, 4])
  })

  it("with shared flights they are not, which is why there are private ones", async () => {
    // A request that arrives after the first has ended finds its value.
    expect(new Set(statusesOf(await atOnce(4, "/ttl?key=shared&shared")))).toEqual(new Set([200, 500]))
  })

  it("a due key is refreshed after the response, by one of its readers", async () => {
    expect(await get("/ahead?key=due")).toEqual([200, 1])
    await pause(100)
    expect(await atOnce(4, "/ahead?key=due")).toEqual(Array.from({ length: 4 }, () => [200, 1]))
    await untilLoaded("due", 2)
    await expect.poll(() => get("/ahead?key=due&alone"), { timeout: 10_000 }).toEqual([200, 2])
  })

  it("without a waitUntil nothing is refreshed, and the key stays usable", async () => {
    expect(await get("/ahead?key=alone&alone")).toEqual([200, 1])
    await pause(100)
    expect(await get("/ahead?key=alone&alone")).toEqual([200, 1])
    await pause(200)
    expect(await get("/ahead?key=alone&alone")).toEqual([200, 1])
    expect(await get("/loads?key=alone")).toEqual([200, 1])
  })

  it("a load past its softTimeout continues after the response", async () => {
    expect(await get("/soft?key=soft")).toEqual([200, 1])
    await pause(100)
    expect(await get("/soft?key=soft")).toEqual([200, 1])
    await untilLoaded("soft", 2)
    await expect.poll(() => get("/soft?key=soft&alone"), { timeout: 10_000 }).not.toEqual([200, 1])
  })

  it.each(["/many", "/nested", "/refresh", "/soft", "/ahead"])("%s at once answers every request", async (path) => {
    expect(new Set(statusesOf(await atOnce(8, `${path}?key=at-once${path}`)))).toEqual(new Set([200]))
    expect((await get(`${path}?key=at-once${path}`))[0]).toBe(200)
  })

  it("a load that is overtaken by an invalidation is not stored", async () => {
    const loading = get("/ttl?key=changed")
    await untilLoaded("changed", 1)
    expect(await get("/change?key=changed")).toEqual([200, "changed"])
    expect(await loading).toEqual([200, 1])
    expect(await get("/ttl?key=changed")).toEqual([200, 2])
  })

  it("a timeout is its reader's", async () => {
    expect(await get("/timeout?key=timeout")).toEqual([200, expect.objectContaining({ _tag: "LoadTimeout" })])
  })

  it("a hundred requests, every second of which is aborted, leave the others alone and nothing behind", async () => {
    const before = await get("/size")
    const answers = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      if (i % 2 === 0) return await get(`/ttl?key=hundred${i % 10}`)
      const aborting = new AbortController()
      setTimeout(() => aborting.abort(), 20 + i)
      return await get(`/hang?key=hundred${i % 10}`, { signal: aborting.signal }).catch(() => "aborted" as const)
    }))
    expect(answers.filter((answer) => answer === "aborted")).toHaveLength(50)
    expect(new Set(answers.flatMap((answer) => answer === "aborted" ? [] : answer[0]))).toEqual(new Set([200]))
    // The keys whose requests were aborted are no less usable than the others.
    expect(new Set(statusesOf(await Promise.all(Array.from({ length: 10 }, (_, i) => get(`/ttl?key=hundred${i}`))))))
      .toEqual(new Set([200]))
    expect((await get("/size"))[1]).toBe((before[1] as number) + 10)
  })

  it("an aborted refresh leaves its key due, and readable", async () => {
    expect(await get("/ahead?key=dropped")).toEqual([200, 1])
    await pause(100)
    const aborting = new AbortController()
    const dropped = get("/ahead?key=dropped", { signal: aborting.signal }).catch(() => "aborted")
    setTimeout(() => aborting.abort(), 1)
    await dropped
    expect((await get("/ahead?key=dropped"))[0]).toBe(200)
  })
})
