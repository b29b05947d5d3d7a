/** Opens every page of a built site in Chromium, and reports what a reader would stumble over. */
import axe from "axe-core"
import { globSync } from "node:fs"
import type { Browser, Page } from "playwright-core"

export interface Found {
  /** The path of the page below the base. */
  readonly path: string
  readonly what: string
}

export interface View {
  readonly width: number
  readonly colorScheme: "light" | "dark"
}

export interface Walked {
  readonly found: ReadonlyArray<Found>
  /** The bytes of the first load of each page, compressed. */
  readonly bytes: ReadonlyMap<string, number>
  /** The programs that pages offer to run. */
  readonly programs: ReadonlyArray<readonly [path: string, program: string]>
}

interface Seen {
  readonly links: ReadonlyArray<string>
  readonly ids: ReadonlyArray<string>
  readonly overflow: number
  readonly programs: ReadonlyArray<string>
}

/** The most that a page loads before it is touched. */
const limitBytes = 100_000

export const pathsOf = (folder: string): ReadonlyArray<string> =>
  globSync("**/*.html", { cwd: folder }).map((file) => file.replaceAll("\\", "/").replace(/index\.html$/, ""))
    .toSorted()

const look = (): Seen => ({
  links: Array.from(document.querySelectorAll<HTMLAnchorElement>("a[href]"), ({ href }) => href),
  ids: Array.from(document.querySelectorAll("[id], a[name]"), (element) => element.id || element.getAttribute("name")!),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  programs: Array.from(
    document.querySelectorAll<HTMLElement>("[data-run] [data-code]"),
    (button) => button.dataset["code"]!.replaceAll("\u007f", "\n")
  )
})

/**
 * Asks axe about the page as it is now. Without the words of code it takes a third of the time, and Expressive Code
 * corrects their contrast when it colors them.
 */
export const axeOn = async (page: Page, code: "with code" | "without code"): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(
    (exclude) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run({ include: [["html"]], exclude }, {
        resultTypes: ["violations"]
      }),
    code === "with code" ? [] : [[".ec-line"]]
  )
  return violations.map(({ help, id, nodes }) =>
    `axe: ${id}: ${help}: ${nodes.length}, first ${nodes[0]!.html.slice(0, 160)}`
  )
}

/** Reports errors in the console, and requests to other origins, from now on. */
export const listen = (page: Page, origin: string, tell: (what: string) => void): void => {
  page.on("console", (message) => message.type() === "error" && tell(`console: ${message.text()}`))
  page.on("pageerror", (error) => tell(`error: ${error.message}`))
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== origin) {
      tell(`requests ${request.url()}`)
    }
  })
}

/** The first load of a page from an empty cache, in bytes as they travel. */
const bytesOf = async (page: Page, open: () => Promise<unknown>): Promise<number> => {
  const session = await page.context().newCDPSession(page)
  let bytes = 0
  session.on("Network.loadingFinished", ({ encodedDataLength }) => bytes += encodedDataLength)
  await session.send("Network.enable")
  await session.send("Network.setCacheDisabled", { cacheDisabled: true })
  await open()
  await session.detach()
  return bytes
}

/** Links between pages, once all pages were seen. */
const deadLinks = (seen: ReadonlyMap<string, Seen>, url: string): ReadonlyArray<Found> => {
  const ids = new Map(Array.from(seen, ([path, page]) => [path, new Set(page.ids)] as const))
  return Array.from(seen).flatMap(([path, { links }]) =>
    [...new Set(links)].flatMap((link): ReadonlyArray<Found> => {
      if (!link.startsWith(new URL(url).origin)) return []
      const { hash, pathname } = new URL(link)
      const target = ids.get(
        link.startsWith(url) ? pathname.slice(new URL(url).pathname.length) : "outside of the base"
      )
      const anchor = decodeURIComponent(hash.slice(1))
      if (target === undefined) return [{ path, what: `dead link ${link}` }]
      return anchor === "" || anchor === "_top" || target.has(anchor) ? [] : [{ path, what: `dead anchor ${link}` }]
    })
  )
}

/** Walks the given pages; links to others count as dead. */
export const walk = async (
  browser: Browser,
  url: string,
  paths: ReadonlyArray<string>,
  view: View
): Promise<Walked> => {
  const found: Array<Found> = []
  const seen = new Map<string, Seen>()
  const bytes = new Map<string, number>()
  const { colorScheme, width } = view
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } })
  const left = [...paths]
  const walker = async (): Promise<void> => {
    const page = await context.newPage()
    let path = ""
    listen(page, new URL(url).origin, (what) => {
      found.push({ path, what })
    })
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      path = next
      if (paths.length > 50 && left.length % 50 === 0 && left.length > 0) {
        console.log(`${width} px: ${left.length} pages left`)
      }
      bytes.set(
        path,
        await bytesOf(page, async () => {
          await page.goto(url + path)
          await page.waitForLoadState("networkidle")
        })
      )
      const state = await page.evaluate(look)
      seen.set(path, state)
      const tell = (what: string) => found.push({ path: next, what })
      if (state.overflow > 0) tell(`wider than ${width} pixels by ${state.overflow}`)
      if (bytes.get(path)! > limitBytes) tell(`loads ${bytes.get(path)} bytes`)
      for (const what of await axeOn(page, "without code")) tell(what)
    }
    await page.close()
  }
  await Promise.all([walker(), walker()])
  await context.close()
  const programs = Array.from(seen).flatMap(([path, page]) => page.programs.map((program) => [path, program] as const))
  return { found: [...found, ...deadLinks(seen, url)], bytes, programs }
}
