/** The page of an inspector in Chromium: all views, acts and states, by keyboard, in both schemes and three widths. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Explanation } from "effect-cached/explain"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { resolve } from "node:path"
import { number, percent, visible } from "../../../src/inspector/page/format.ts"
import { balancing } from "../../inspector/balancer.ts"
import { serving, token } from "../../inspector/serving.ts"
import { isMissing, pathTo } from "../../support/needs.ts"
import { randomOf } from "../../support/random.ts"

const root = resolve(import.meta.dirname, "../../..")
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

class Product
  extends CacheKey.Class<Product>()("Product", { payload: { id: Schema.Number }, success: Schema.String })
{}

const product = (id: number) => Effect.succeed(`p${id}`).pipe(Cached.ttl(new Product({ id }), { ttl: "1 hour" }))

const hostile = [
  "<img src=x onerror=document.title='hit'>",
  "nul\u0000byte",
  "\u202Eltr",
  "مرحبا",
  "x".repeat(10_000),
  "a\nb"
]

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const stop of open.splice(0).reverse()) await stop()
})

describe.skipIf(isMissing("chromium"))("the page", { timeout: 180_000 }, () => {
  let browser: any

  beforeAll(async () => {
    execFileSync(process.execPath, [
      "node_modules/rolldown/bin/cli.mjs",
      "-c",
      "rolldown.page.js",
      "--logLevel",
      "warn"
    ], {
      cwd: root
    })
    const { chromium } = createRequire(resolve(root, ".ci/package.json"))("playwright-core")
    browser = await chromium.launch({
      executablePath: pathTo("chromium"),
      args: ["--no-sandbox", "--disable-gpu"],
      headless: true
    })
  }, 60_000)
  afterAll(() => browser?.close())

  const served = async (...args: Parameters<typeof serving>) => {
    const one = await serving(...args)
    open.push(one.stop)
    await one.run(Effect.gen(function*() {
      for (let id = 0; id < 130; id++) yield* product(id)
      for (const id of [3, 3, 7]) yield* product(id)
      for (const key of hostile) yield* Cached.set(key, key, { tags: ["strange"], ttl: "1 minute" })
    }))
    return one
  }

  /** A tab. What it reports as an error fails the test, and so does a request to another origin. */
  const tab = async (port: number, options: object = {}, fragment = `#token=${token}`) => {
    const context = await browser.newContext(options)
    open.push(() => context.close())
    const page = await context.newPage()
    const problems: Array<string> = []
    page.on("pageerror", (error: Error) => problems.push(error.message))
    page.on("console", (message: any) => {
      // A browser logs each answer that is not 200, and a lost connection.
      if (message.type() === "error" && !/Failed to load resource/.test(message.text())) problems.push(message.text())
    })
    page.on("request", (request: any) => {
      if (!request.url().startsWith(`http://localhost:${port}/cache`) && !request.url().startsWith("data:")) {
        problems.push(request.url())
      }
    })
    await page.goto(`http://localhost:${port}/cache${fragment}`)
    const view = async (name: string) => {
      await page.click(`nav a[href="#/${name}"]`)
      await page.waitForSelector(`nav a[href="#/${name}"][aria-current]`)
    }
    return { page, problems, view }
  }

  const violations = async (page: any): Promise<ReadonlyArray<string>> => {
    await page.evaluate(axe)
    return page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, any }) => html.slice(0, 120) + (any[0]?.message ?? "")).slice(0, 3).join(" | ")))`)
  }

  for (
    const [scheme, width] of [["light", 1280], ["dark", 1280], ["light", 360], ["dark", 360], ["light", 3840]] as const
  ) {
    it(`has no error, nothing that axe finds, and does not scroll sideways: ${scheme}, ${width} pixels`, async () => {
      const { port, run } = await served({ values: true }, { cache: CacheLayer.memory({ curve: true }) })
      const { page, problems, view } = await tab(port, { colorScheme: scheme, viewport: { width, height: 900 } })
      await page.waitForSelector(".tiles")
      for (const name of ["overview", "entries", "flights", "size", "events"]) {
        await view(name)
        if (name === "entries") await page.waitForSelector(".row")
        if (name === "size") await page.waitForSelector(".bars li")
        if (name === "events") {
          await expect.poll(async () => {
            await run(product(1))
            return page.locator(".events > li").count()
          }).toBeGreaterThan(0)
        }
        expect([name, await violations(page)]).toEqual([name, []])
        expect([name, await page.evaluate("document.documentElement.scrollWidth > innerWidth")]).toEqual([name, false])
      }
      await view("entries")
      await page.click(".row >> nth=0")
      await page.waitForSelector("dialog .facts li")
      expect(await violations(page)).toEqual([])
      await page.keyboard.press("Escape")
      await page.click("text=Invalidate…")
      await page.waitForSelector("dialog form")
      expect(await violations(page)).toEqual([])
      expect(problems).toEqual([])
    })
  }

  it("shows what stats, entries and explain say, at ten stops of a seeded program", async () => {
    const { port, run } = await served()
    const { page, view } = await tab(port)
    await page.waitForSelector(".tiles")
    const random = randomOf(68)
    const next = (below: number) => Math.floor(below * random())
    const down = (id: number) =>
      Effect.ignore(Effect.fail("down").pipe(Cached.ttl(new Product({ id }), { ttl: "1 hour" })))
    const cells = (row: string, cells: string): Promise<Array<string>> =>
      page.locator(`table tr:has(th:has-text('${row}')) td${cells}`).allTextContents()
    const tile = (name: string, part: string): Promise<string> =>
      page.locator(`.tile:has(dt:text-is('${name}')) ${part}`).textContent()
    for (let stop = 0; stop < 10; stop++) {
      await run(Effect.gen(function*() {
        for (let i = 0; i < 40; i++) {
          const id = next(150)
          const what = next(10)
          if (what < 6) yield* product(id)
          else if (what === 6) yield* down(200 + id)
          else if (what === 7) yield* Cached.set(`set:${id}`, id, { ttl: "1 hour", tags: ["sets"] })
          else if (what === 8) yield* Cached.invalidate(new Product({ id }))
          else yield* Cached.invalidate(new Product({ id }), { mode: "soft" })
        }
      }))
      const stats = await run(Cached.stats)
      const { hits, loadFailures, loads, misses } = stats.classes["Product"]!
      await expect.poll(() => cells("Product", ".n"), { timeout: 10_000 }).toEqual(
        [number(hits + misses), number(loads), number(loadFailures), expect.any(String)]
      )
      expect((await cells("Product", ":nth-child(3)"))[0]).toBe(percent(hits / (hits + misses)))
      expect(await tile("In memory", "b")).toBe(number(stats.size))
      expect(await tile("Hit ratio", "small")).toBe(`${percent(stats.hits / (stats.hits + stats.misses))} overall`)
      await view("entries")
      await page.waitForSelector(".row")
      const entries = (await run(Stream.runCollect(Cached.entries()))).slice(0, 100)
      const column = (cell: string) => page.locator(`.row ${cell}`).allTextContents()
      const names = page.locator(".row .what > .name")
      expect(await names.evaluateAll((all: ReadonlyArray<{ title: string }>) => all.map(({ title }) => title))).toEqual(
        entries.map(({ id }) => visible(id))
      )
      expect(await column("[data-name=reads]")).toEqual(entries.map(({ reads }) => number(reads)))
      const lives = await column(".life small")
      expect(lives.map((text: string) => text.startsWith("fresh"))).toEqual(
        entries.map(({ softExpiresAt }) => Date.now() < softExpiresAt)
      )
      const known = entries.flatMap(({ id }, at) => /^~Product|^set:/.test(id) ? [at] : [])
      const at = known[next(known.length)]!
      const { id } = entries[at]!
      const { facts, status } = await run(
        Explanation.of(id.startsWith("set:") ? id : new Product({ id: Number(/(\d+)\D*$/.exec(id)![1]) }))
      )
      await page.click(`.row >> nth=${at}`)
      await page.waitForSelector("dialog .facts li")
      expect(await page.locator("dialog .pill").textContent()).toBe(status)
      expect(await page.locator("dialog .facts li").count()).toBe(facts.length)
      expect(await page.locator("dialog .facts li").first().textContent()).toContain(
        `served ${number(entries[at]!.reads)} read`
      )
      await page.keyboard.press("Escape")
      await view("overview")
    }
    await view("entries")
    await page.selectOption("label:has(span:text-is('Show')) select", "hottest")
    await page.waitForSelector(".said:has-text('match')")
    const [hottest] = await run(Cached.ranking("hot", 1))
    expect(await page.locator(".row .name").first().getAttribute("title")).toBe(hottest!.id)
  })

  it("shows hostile ids as text", async () => {
    const { port } = await served({ values: true })
    const { page, problems, view } = await tab(port)
    await view("entries")
    await page.fill("label:has(span:text-is('Tag')) input", "strange")
    await page.click("text=Find")
    await page.waitForSelector(".said:has-text('6 entries match')")
    const names: Array<string> = await page.locator(".row .name").allTextContents()
    expect(names).toContain("<img src=x onerror=document.title='hit'>")
    expect(names).toContain("nul\\u{0}byte")
    expect(names).toContain("\\u{202e}ltr")
    expect(names).toContain("a\\u{a}b")
    await page.click(".row >> nth=0")
    await page.waitForSelector("dialog pre")
    // It is never stale, because it ends at its soft deadline.
    expect(await page.locator("dialog .timeline").first().textContent()).not.toContain("Stale from here on")
    expect(await page.title()).toBe("Cache inspector")
    expect(await page.locator("main img, dialog img").count()).toBe(0)
    expect(problems).toEqual([])
  })

  it("goes by pages of 100", async () => {
    const { port } = await served()
    const { page, view } = await tab(port)
    await view("entries")
    await page.waitForSelector(".row")
    expect(await page.locator(".row").count()).toBe(100)
    const first = await page.locator(".row").first().textContent()
    for (let round = 0; round < 2; round++) {
      await page.click("text=Next 100")
      await expect.poll(() => page.locator(".row").count()).toBe(36)
      expect(await page.locator(".said").textContent()).toContain("101 to 136 of 136")
      expect(await page.locator("text=Next 100").count()).toBe(0)
      await page.click("text=Previous 100")
      await expect.poll(() => page.locator(".row").count()).toBe(100)
      expect(await page.locator(".row").first().textContent()).toBe(first)
    }
  })

  it("invalidates by keyboard alone, after it has said what it hits and the name was typed", async () => {
    const { port, run } = await served()
    const { page } = await tab(port)
    await page.waitForSelector(".tiles")
    const press = async (key: string, times = 1) => {
      for (let i = 0; i < times; i++) await page.keyboard.press(key)
    }
    /** Presses Tab until the focused element has this text or label. */
    const tabTo = async (text: string) => {
      for (let i = 0; i < 200; i++) {
        await press("Tab")
        const focused = await page.evaluate(
          "document.activeElement.closest('label')?.textContent || document.activeElement.textContent"
        )
        if (focused.includes(text)) return
      }
      throw new Error(`"${text}" cannot be reached by Tab`)
    }
    await tabTo("Entries")
    await press("Enter")
    await page.waitForSelector(".row")
    await tabTo("Invalidate…")
    await press("Enter")
    await tabTo("A tag")
    await press("ArrowRight")
    await tabTo("Name of the class")
    await page.keyboard.type("Product")
    await page.waitForSelector(".hits:has-text('130 entries')")
    expect(await page.locator("dialog button[type=submit]").isDisabled()).toBe(true)
    await tabTo("to confirm")
    await page.keyboard.type("Product")
    await press("Enter")
    await page.waitForSelector("dialog:has-text('Invalidated.')")
    expect((await run(Cached.stats)).classes["Product"]!.loads).toBe(130)
    expect(await run(Cached.size)).toBe(hostile.length)
    expect(await violations(page)).toEqual([])
    await press("Escape")
    await expect.poll(() => page.locator(".row").count()).toBe(hostile.length)
    await expect.poll(() => page.locator("dialog").count()).toBe(0)
    // A dialog gives the focus back, however it is left.
    for (const way of ["Cancel", "Close", "Escape"]) {
      await page.locator("button:text-is('Invalidate…')").focus()
      await press("Enter")
      await page.waitForSelector("dialog form")
      if (way === "Escape") await press("Escape")
      else {
        await page.locator(`dialog button:has-text("${way}"), dialog [aria-label=${way}]`).focus()
        await press("Enter")
      }
      await expect.poll(() => page.locator("dialog").count()).toBe(0)
      expect([way, await page.evaluate("document.activeElement.textContent.slice(0, 20)")]).toEqual([
        way,
        "Invalidate…"
      ])
    }
  })

  it("keeps a dialog open that is opened before the browser has told that the last one is closed", async () => {
    const { port } = await served()
    const { page, view } = await tab(port)
    await view("entries")
    await page.waitForSelector(".row")
    // It tells that only with the next frame, which takes long on a busy machine.
    const dialogs = await page.evaluate(`(async () => {
      const button = (text) => [...document.querySelectorAll("button")].find((one) => one.textContent === text)
      const turn = () => new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = resolve
        port2.postMessage(0)
      })
      const open = async () => {
        button("Invalidate…").click()
        for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame)
      }
      await open()
      button("Cancel").click()
      while (document.querySelector("dialog") !== null) await turn()
      await open()
      return document.querySelectorAll("dialog[open] form").length
    })()`)
    expect(dialogs).toBe(1)
  })

  it("does not act before it has said what it hits", async () => {
    const { port, run } = await served()
    const { page, view } = await tab(port)
    let answer = () => {}
    await page.route("**/api/pass", async (route: any) => {
      await new Promise<void>((resolve) => answer = resolve)
      await route.continue()
    })
    await view("entries")
    await page.click("text=Invalidate…")
    await page.fill("dialog label:has(span:text-is('Tag')) input", "strange")
    await page.waitForSelector("dialog .hits:has-text('Counting')")
    await page.keyboard.press("Enter")
    expect(await page.locator("dialog button[type=submit]").isDisabled()).toBe(true)
    await expect.poll(() => {
      answer()
      return page.locator("dialog .hits").textContent()
    }).toContain(`${hostile.length} entries`)
    await page.keyboard.press("Enter")
    await page.waitForSelector("dialog:has-text('Invalidated.')")
    expect(await run(Cached.size)).toBe(130)
  })

  it("shows each entry under the process that it is of, behind a balancer", async () => {
    const all = await Promise.all([serving(), serving()])
    for (const [i, { run, stop }] of all.entries()) {
      open.push(stop)
      await run(Cached.setMany([[`of ${i}`, 1], [`also of ${i}`, 1]]))
    }
    const balancer = await balancing(all.map(({ port }) => port))
    open.push(balancer.stop)
    const { page, view } = await tab(balancer.port)
    await page.waitForSelector(".tiles")
    const ids = await Promise.all(all.map(({ json }) => json("overview", {}).then(({ process }) => process.id)))
    for (let round = 0; round < 5; round++) {
      await view("entries")
      await page.waitForSelector(".row, .failed")
      const title = await page.locator(".process").getAttribute("title")
      const names: Array<string> = await page.locator(".row .name").allTextContents()
      const of = ids.findIndex((id) => title.includes(id))
      expect(names).toEqual([`of ${of}`, `also of ${of}`])
      await view("overview")
    }
  })

  it("shows no old number as new after a silent connection", async () => {
    const one = await served()
    const balancer = await balancing([one.port])
    open.push(balancer.stop)
    const { page } = await tab(balancer.port)
    const state = () =>
      page.evaluate(`[
        document.querySelector(".connection").className,
        document.querySelector("main").className,
        [...document.querySelectorAll(".tile")].find((tile) => tile.textContent.startsWith("In memory"))
          .querySelector("b").textContent
      ]`)
    await page.waitForSelector(".connection.live")
    expect(await state()).toEqual(["connection live", "", "136"])
    balancer.silence()
    const since = performance.now()
    await page.waitForSelector(".banner.bad:has-text('Connection lost')", { timeout: 5000 })
    expect(performance.now() - since).toBeLessThan(5000)
    expect(await violations(page)).toEqual([])
    await one.run(Cached.invalidate(hostile))
    expect(await state()).toEqual(["connection lost", "old", "136"])
    balancer.recover()
    await page.waitForSelector("main:not(.old)")
    expect(await state()).toEqual(["connection live", "", "130"])
  })

  it("has a stream only while its tab can be seen", async () => {
    const { port } = await served()
    const { page } = await tab(port, {}, "")
    await page.addInitScript("Object.defineProperty(document, 'hidden', { get: () => window.isHidden ?? true })")
    let streams = 0
    page.on("request", (request: any) => streams += Number(request.url().endsWith("/live")))
    const ended: Array<string> = []
    page.on("requestfailed", (request: any) => ended.push(request.url()))
    const show = (isHidden: boolean) =>
      page.evaluate(`isHidden = ${isHidden}; document.dispatchEvent(new Event("visibilitychange"))`)
    await page.goto("about:blank")
    streams = 0
    await page.goto(`http://localhost:${port}/cache#token=${token}`)
    await page.waitForSelector("text=Connecting")
    await page.waitForTimeout(300)
    expect(streams).toBe(0)
    await show(false)
    await page.waitForSelector(".connection.live")
    ended.length = 0
    await show(true)
    await page.waitForSelector(".banner:has-text('Paused: the tab was hidden')")
    await expect.poll(() => ended.filter((url) => url.endsWith("/live"))).toHaveLength(1)
    await show(false)
    await page.waitForSelector(".connection.live")
  })

  it("says within 5 seconds that the connection is lost, and comes back alone, with another process", async () => {
    const one = await serving()
    await one.run(product(1))
    const { page } = await tab(one.port)
    await page.waitForSelector(".connection.live")
    await one.stop()
    const since = performance.now()
    await page.waitForSelector(".banner.bad:has-text('Connection lost')", { timeout: 5000 })
    expect(performance.now() - since).toBeLessThan(5000)
    expect(await page.locator("main.old").count()).toBe(1)
    await serving({}, { listen: { port: one.port } }).then(({ stop }) => open.push(stop))
    await page.waitForSelector(".connection.live", { timeout: 10_000 })
    await page.waitForSelector(".banner:has-text('Another process answers now')")
    expect(await violations(page)).toEqual([])
    expect(await page.locator("main.old").count()).toBe(0)
    expect(await page.locator(".tile:has(dt:text-is('In memory')) b").textContent()).toBe("0")
  })

  it("asks for the token if it has none or a wrong one, keeps it out of the URL, and over a reload", async () => {
    const { port } = await served()
    const { page } = await tab(port, {}, "")
    await page.waitForSelector("text=This needs the token")
    expect(await violations(page)).toEqual([])
    await page.fill("input[type=password]", token)
    await page.keyboard.press("Enter")
    await page.waitForSelector(".tiles")
    expect(page.url()).not.toContain(token)
    await page.reload()
    await page.waitForSelector(".tiles")
    const other = await tab(port)
    await other.page.waitForSelector(".tiles")
    expect(other.page.url()).not.toContain(token)
    const wrong = await tab(port, {}, "#token=wrong")
    await wrong.page.waitForSelector("text=This needs the token")
    await wrong.page.evaluate(`location.hash = "#token=${token}"`)
    await wrong.page.waitForSelector(".tiles")
    const odd = await tab(port, {}, "#token=100%&more")
    await odd.page.waitForSelector("text=This needs the token")
  })

  it("has no act if the inspector is read-only, and says what is empty", async () => {
    const one = await serving({ readOnly: true })
    open.push(one.stop)
    const { page, view } = await tab(one.port)
    await view("entries")
    await page.waitForSelector("text=No entry in memory")
    expect(await page.locator("text=Invalidate…").count()).toBe(0)
    await view("flights")
    await page.waitForSelector("text=Nothing loads")
    await view("size")
    await page.waitForSelector("text=There is no curve")
    await view("events")
    await page.waitForSelector("text=Nothing has happened yet")
    await page.waitForSelector("text=can only be read")
  })

  it("is not shown in a frame, of its own origin or of another", async () => {
    const { port } = await served()
    const { page } = await tab(port)
    await page.waitForSelector(".tiles")
    const headers = (await page.request.get(`http://localhost:${port}/cache`)).headers()
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'")
    expect(headers["content-security-policy"]).not.toContain("unsafe")
    const other = createServer((_, response) =>
      response.setHeader("content-type", "text/html").end(`<iframe src="http://localhost:${port}/cache"></iframe>`)
    )
    await new Promise<void>((resolve) => other.listen(0, "localhost", resolve))
    open.push(() => new Promise((resolve) => other.close(resolve)))
    for (const at of [`http://localhost:${(other.address() as AddressInfo).port}`, `http://localhost:${port}/other`]) {
      await page.route(
        "**/other",
        (route: any) => route.fulfill({ contentType: "text/html", body: `<iframe src="/cache"></iframe>` })
      )
      await page.goto(at)
      await expect.poll(() => page.frames().at(-1).url()).toContain("chrome-error://")
    }
    await page.goto("about:blank")
  })
})
