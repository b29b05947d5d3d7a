/** A real browser: caches in memory, and a database that tabs share, in headless Chromium. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { start as startExample } from "../../../examples/browser/server.ts"
import { bundle } from "../../support/bundle.ts"
import { isMissing } from "../../support/needs.ts"
import { type Page, pageOf, start } from "./browser.ts"

interface Checked {
  readonly law: string
  readonly broken: string
}

describe.skipIf(isMissing("chromium"))("in Chromium", { timeout: 60_000 }, () => {
  let browser: Awaited<ReturnType<typeof start>>
  let names = 0

  beforeAll(async () => {
    browser = await start({
      "/": pageOf("/page.js"),
      "/page.js": { type: "text/javascript", body: await bundle("test/servers/browser/page.ts") },
      "/sandboxed": {
        type: "text/html",
        body: `<!doctype html><iframe sandbox="allow-scripts" src="/"></iframe>`
      }
    })
  }, 60_000)
  afterAll(() => browser.stop())

  /** A tab; an error in it fails the test that opened it. */
  const tab = async (path = "/") => {
    const page: Page = await browser.context.newPage()
    const errors: Array<Error> = []
    page.on("pageerror", (error) => errors.push(error))
    await page.goto(browser.url + path)
    const run = async <A>(command: string, ...given: ReadonlyArray<unknown>): Promise<A> => {
      const answer = await page.evaluate<A>(`commands.${command}(...${JSON.stringify(given)})`)
      expect(errors).toEqual([])
      return answer
    }
    return { page, run, close: () => page.close() }
  }

  /** Tabs with a cache each, on a database of their own. */
  const tabs = async (count: number, lease = "1 second") => {
    const name = `tabs ${names++}`
    const all = await Promise.all(Array.from({ length: count }, () => tab()))
    for (const { run } of all) await run("openCache", name, null, lease)
    return all
  }

  const closeAll = async (all: Awaited<ReturnType<typeof tabs>>) => {
    for (const { close } of all) await close()
  }

  it("the strategies of a cache in memory keep their times", async () => {
    const { close, run } = await tab()
    expect(await run("strategies")).toEqual({
      together: [1, 1, 1],
      expired: 2,
      first: [1, 1],
      due: [1, 1],
      refreshed: 2,
      slide: [1, 1, 1, 2],
      hits: [1, 1, 1, 2]
    })
    await close()
  })

  describe.each([["one", "stores"], ["two", "shared stores"], ["again", "lasting stores"]])(
    "%s: the laws",
    (subject, of) => {
      it(`of ${of} hold for IndexedDbStore`, { timeout: 240_000 }, async () => {
        const { close, run } = await tab()
        const checked = await run<ReadonlyArray<Checked>>("check", subject)
        expect(checked.filter(({ broken }) => broken !== "")).toEqual([])
        expect(checked.length).toBeGreaterThan(5)
        await close()
      })
    }
  )

  describe("tabs with one database", () => {
    it("load once for all of them", async () => {
      const all = await tabs(3)
      const answers = await Promise.all(all.map(({ run }, i) => run("read", "k", `tab ${i}`, 500)))
      expect(new Set(answers).size).toBe(1)
      const loads = await Promise.all(all.map(({ run }) => run<number>("loads")))
      expect(loads.reduce((sum, n) => sum + n, 0)).toBe(1)
      await closeAll(all)
    })

    it("see what another invalidates, by key and by tag", async () => {
      const all = await tabs(2)
      const [one, two] = all as [typeof all[0], typeof all[0]]
      expect(await one.run("read", "k", "first", 0)).toBe("first")
      expect(await two.run("read", "k", "second", 0)).toBe("first")
      await one.run("invalidate", "k")
      await expect.poll(() => two.run("read", "k", "third", 0), { timeout: 10_000 }).toBe("third")
      await one.run("invalidateTag", "tag")
      await expect.poll(() => two.run("read", "k", "fourth", 0), { timeout: 10_000 }).toBe("fourth")
      await closeAll(all)
    })

    it("take over from one that is closed while it loads, long before its lease ends", async () => {
      const all = await tabs(2, "1 hour")
      const [one, two] = all as [typeof all[0], typeof all[0]]
      const lost = one.run("read", "k", "never", 3_600_000).catch(() => "closed")
      await expect.poll(() => one.run("loads"), { timeout: 10_000 }).toBe(1)
      const answer = two.run("read", "k", "taken over", 0)
      await one.close()
      expect(await lost).toBe("closed")
      expect(await answer).toBe("taken over")
      await two.close()
    })

    it("wait for a bulk call although one of its keys is stored", async () => {
      const { close, run } = await tab()
      expect(await run("readTwo", `two ${names++}`)).toEqual({ asked: "Wait", later: "Granted", held: ["another tab"] })
      await close()
    })

    it("find what another has stored that is closed", async () => {
      const all = await tabs(2)
      const [one, two] = all as [typeof all[0], typeof all[0]]
      await one.run("read", "k", "kept", 0)
      await one.run("close")
      await one.close()
      expect(await two.run("read", "k", "again", 0)).toBe("kept")
      await two.close()
    })
  })

  it.each(["local", "local again"])("%s: the laws hold in localStorage, by a KeyValueStore", {
    timeout: 240_000
  }, async (of) => {
    const { close, run } = await tab()
    const checked = await run<ReadonlyArray<Checked>>("check", of)
    expect(checked.filter(({ broken }) => broken !== "")).toEqual([])
    expect(checked.length).toBeGreaterThan(5)
    await close()
  })

  it("localStorage keeps entries and invalidations for the next page", async () => {
    const { close, page, run } = await tab()
    const first = await run("readLocal", false)
    await page.goto(browser.url)
    expect(await run("readLocal", false)).toBe(first)
    const changed = await run("readLocal", true)
    expect(changed).not.toBe(first)
    await page.goto(browser.url)
    expect(await run("readLocal", false)).not.toBe(first)
    await close()
  })

  it("a database stays within its maxSize", async () => {
    const { close, run } = await tab()
    await run("openCache", `small ${names++}`, 1_000_000)
    const size = await run<number>("fill", 50, 60_000)
    expect(size).toBeGreaterThan(3)
    expect(size).toBeLessThan(17)
    await close()
  })

  it("without room in the browser the older entries leave, and nothing fails", async () => {
    const { close, page, run } = await tab()
    await run("openCache", `full ${names++}`)
    // As a browser does: the transaction is aborted, whenever it finds out.
    await page.evaluate(`(() => {
      const { put } = IDBObjectStore.prototype
      IDBObjectStore.prototype.put = function(value, key) {
        if (this.name !== "payloads") return put.call(this, value, key)
        const count = this.count()
        count.onsuccess = () => {
          if (count.result <= 20) return
          const quota = new DOMException("no room", "QuotaExceededError")
          Object.defineProperty(this.transaction, "error", { value: quota })
          this.transaction.abort()
        }
        return put.call(this, value, key)
      }
    })()`)
    const size = await run<number>("fill", 100, 1000)
    expect(size).toBeLessThan(22)
    expect(size).toBeGreaterThan(9)
    expect(await run("read", "k", "still here", 0)).toBe("still here")
    await close()
  })

  it("one that another version of the program has taken over fails no read", async () => {
    const { close, page, run } = await tab()
    const name = `versions ${names++}`
    await run("openCache", name)
    expect(await run("read", "k", "before", 0)).toBe("before")
    await page.evaluate(`new Promise((resume, reject) => {
      const request = indexedDB.open("effect-cached/1/${name}", 2)
      request.onsuccess = () => resume()
      request.onerror = reject
    })`)
    await run("invalidate", "k")
    expect(await run("read", "k", "after", 0)).toBe("after")
    await close()
  })

  describe("a tab that stopped receiving changes", () => {
    /** Removes the entry behind the back of all tabs. */
    const removed = (name: string) =>
      `new Promise((resume) => {
        const request = indexedDB.open("effect-cached/1/${name}")
        request.onsuccess = () => {
          const transaction = request.result.transaction(["entries", "payloads"], "readwrite")
          transaction.objectStore("entries").delete("k")
          transaction.objectStore("payloads").delete("k")
          transaction.oncomplete = () => (request.result.close(), resume())
        }
      })`

    it.each([
      [
        "takes a write that was announced, and never finished, for one that counts",
        (name: string) =>
          `new BroadcastChannel("effect-cached/${name}").postMessage({
          _tag: "Before", write: "lost", changes: [{ _tag: "Changed", id: "k" }]
        })`
      ],
      [
        "takes everything for changed when it comes back from a freeze",
        () => `document.dispatchEvent(new Event("resume"))`
      ]
    ])("%s", async (_, happens) => {
      const name = `told ${names++}`
      const { close, page, run } = await tab()
      await run("openCache", name)
      expect(await run("read", "k", "old", 0)).toBe("old")
      await page.evaluate(removed(name))
      expect(await run("read", "k", "unseen", 0)).toBe("old")
      await page.evaluate(happens(name))
      await expect.poll(() => run("read", "k", "new", 0), { timeout: 10_000 }).toBe("new")
      await close()
    })
  })

  it("one that is deleted while it is open is made again", async () => {
    const { close, run } = await tab()
    expect(await run("deleted", `deleted ${names++}`)).toBe(1)
    await close()
  })

  it("operations that are given up hold up no other, and a closed store fails", async () => {
    const { close, run } = await tab()
    expect(await run("interrupted", `interrupted ${names++}`)).toEqual({ counted: true, late: false })
    await close()
  })

  it("a page without IndexedDB, or that may not use it, gets the reason", async () => {
    const { close, page, run } = await tab()
    await page.evaluate(`Object.defineProperty(globalThis, "indexedDB", { value: undefined, configurable: true })`)
    expect(await run("refusal", "none")).toBe("open: Unsupported")
    await page.evaluate(
      `Object.defineProperty(globalThis, "indexedDB", { value: {
        open() { throw new DOMException("The operation is insecure.", "SecurityError") }
      }, configurable: true })`
    )
    expect(await run("refusal", "none")).toBe("open: Denied")
    await close()
  })
})

describe.skipIf(isMissing("chromium"))("examples/browser", { timeout: 60_000 }, () => {
  it("shows what it has fetched, keeps it for the next page, and shows it while it is offline", async () => {
    const example = await startExample()
    const browser = await start({})
    try {
      const page = await browser.context.newPage()
      const errors: Array<Error> = []
      page.on("pageerror", (error) => errors.push(error))
      const cards = (part: string) =>
        page.evaluate<ReadonlyArray<string>>(
          `Array.from(document.querySelectorAll(".${part}"), (node) => node.textContent)`
        )
      const click = (id: string) => page.evaluate(`document.querySelector("#${id}").click()`)
      await page.goto(example.url)
      await expect.poll(() => cards("from"), { timeout: 20_000 }).toEqual(
        Array.from({ length: 3 }, () => "from the server")
      )
      expect(await cards("value")).toEqual(["18 °C", "9 °C", "22 °C"])

      const next = await browser.context.newPage()
      await next.goto(example.url)
      await expect.poll(() => next.evaluate(`document.querySelector(".from").textContent`), { timeout: 20_000 })
        .toMatch(/this browser's database|the server/)
      await next.close()

      await browser.context.setOffline(true)
      const readsStale = async () => {
        await click("read")
        return (await cards("from")).every((from) => from.startsWith("from an old copy"))
      }
      await expect.poll(readsStale, { timeout: 30_000, interval: 500 }).toBe(true)
      expect(await cards("value")).toEqual(["18 °C", "9 °C", "22 °C"])

      await click("forget")
      await expect.poll(async () => (await click("read"), await cards("value")), { timeout: 20_000, interval: 500 })
        .toEqual(["–", "–", "–"])
      await browser.context.setOffline(false)
      await expect.poll(async () => (await click("read"), await cards("value")), { timeout: 20_000, interval: 500 })
        .toEqual(["18 °C", "9 °C", "22 °C"])
      expect(errors).toEqual([])
    } finally {
      await browser.stop()
      example.stop()
    }
  })
})
