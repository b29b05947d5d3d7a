/** Turns the pictures and changes a program of a page as a reader does. */
import type { Browser, Locator, Page } from "playwright-core"
import type { Served } from "./server.ts"
import { axeOn, type Found, listen, type View } from "./walk.ts"

/** The library and Effect, with what shows them; a program also needs what takes off its types, 47 kB. */
const limitBytes = { picture: 250_000, program: 300_000 }

const waitFor = async (page: Page, what: string, code: string): Promise<void> => {
  await page.waitForFunction(code, undefined, { timeout: 20_000 }).catch(() => {
    throw new Error(`not within 20 seconds: ${what}`)
  })
}

interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Elements are scrolled to the middle: at the edge, the header of the page may cover them. */
const placeOf = async (element: Locator): Promise<Place> => {
  await element.evaluate((one) => one.scrollIntoView({ block: "center", behavior: "instant" }))
  return (await element.boundingBox())!
}

/** The names of the pictures of a page. */
const picturesOf = (page: Page): Promise<ReadonlyArray<string>> =>
  page.locator("[data-turn]").evaluateAll((all) => all.map((figure) => figure.getAttribute("data-turn")!))

/** The picture answers to each slider, to a new caller, and to a drag of the outage. */
const turnPicture = async (page: Page, name: string): Promise<void> => {
  const figure = `[data-turn='${name}']`
  const drawn = `document.querySelector("${figure} svg").outerHTML`
  const controls = page.locator(`${figure} + .controls`)
  await page.locator(`${figure} + .offer`).click()
  await waitFor(
    page,
    `controls of ${name}`,
    `(document.querySelector("${figure} + .controls .result")?.textContent ?? "") !== ""`
  )
  const changes = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    const before = await page.evaluate<string>(drawn)
    await act()
    await waitFor(page, `${what} changes ${name}`, `${drawn} !== ${JSON.stringify(before)}`)
  }
  const sliders = controls.locator("label:not([hidden]) input")
  // From the last to the first: a soft deadline moves before the hard one, which it must not reach.
  for (let i = await sliders.count() - 2; i >= 0; i--) {
    const slider = sliders.nth(i)
    const label = (await slider.locator("xpath=..").innerText()).split("\n")[0]
    const isLeast = await slider.inputValue() === await slider.getAttribute("min")
    await changes(`the slider "${label}"`, () => slider.press(isLeast ? "End" : "Home"))
  }
  await sliders.last().press("ArrowLeft")
  await changes("a new caller", () => controls.getByRole("button", { name: "Add the caller" }).click())
  const addOutage = controls.getByRole("button", { name: "Add an outage" })
  if (await addOutage.count() > 0) await changes("an outage", () => addOutage.click())
  const box = await placeOf(page.locator(`${figure} rect.bad`).first())
  await changes("a drag of the outage", async () => {
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width / 2 - 60, box.y + box.height / 2, { steps: 3 })
    await page.mouse.up()
  })
  // Between two of the numbers, so that no caller is there.
  const row = await placeOf(page.locator(`${figure} text.label`, { hasText: "reads" }))
  await changes("a click beside the reads", () => page.mouse.click(row.x + row.width + 60, row.y + row.height / 2))
  await changes("the way back", () => controls.getByRole("button", { name: "As recorded" }).click())
}

const status = `(document.querySelector(".play .status")?.textContent ?? "")`

const output = `document.querySelector(".play .lines").textContent`

/** The first touch of a program runs it. */
const startProgram = async (page: Page): Promise<void> => {
  const offer = page.locator(".offer", { hasText: "Change and run" }).first()
  await offer.click()
  await waitFor(page, "the program ends", `${status}.startsWith("Ended")`)
}

/** A program that the reader has changed runs too. */
const changeProgram = async (page: Page): Promise<void> => {
  const field = page.locator(".play textarea")
  await field.fill(`${await field.inputValue()}\nconsole.log("changed", 40 + 2 as number)\n`)
  await page.getByRole("button", { name: "Run", exact: true }).click()
  await waitFor(page, "the changed program prints", `${output}.includes("changed 42")`)
  await waitFor(page, "its cache tells events", `document.querySelectorAll(".play .lines b").length > 1`)
}

const stopsLoop = async (page: Page): Promise<void> => {
  await page.locator(".play textarea").fill("while (true) {}")
  await page.getByRole("button", { name: "Run", exact: true }).click()
  await waitFor(page, "a program that loops is stopped", `${status}.startsWith("Stopped")`)
}

export interface Touched {
  readonly found: ReadonlyArray<Found>
  /** The most that the first touch of a picture and of a program loads, in bytes. */
  readonly bytes: { readonly picture: number; readonly program: number }
}

export const touch = async (
  browser: Browser,
  site: Served,
  paths: ReadonlyArray<string>,
  view: View
): Promise<Touched> => {
  const found: Array<Found> = []
  const bytes = { picture: 0, program: 0 }
  for (const [index, path] of paths.entries()) {
    const tell = (what: string) => found.push({ path, what })
    // Each page begins with an empty cache.
    const context = await browser.newContext({
      colorScheme: view.colorScheme,
      viewport: { width: view.width, height: 900 }
    })
    const page = await context.newPage()
    listen(page, new URL(site.url).origin, tell)
    await page.goto(site.url + path)
    await page.waitForLoadState("networkidle")
    const acts = [
      ...(await picturesOf(page)).map((name) => ["picture", () => turnPicture(page, name)] as const),
      ["program", () => startProgram(page)] as const
    ]
    for (const [kind, act] of acts) {
      const before = site.sent()
      await act().catch((error: Error) => tell(error.message))
      bytes[kind] = Math.max(bytes[kind], site.sent() - before)
    }
    await changeProgram(page).catch((error: Error) => tell(error.message))
    for (const what of await axeOn(page, "with code")) tell(`touched: ${what}`)
    if (index === 0) await stopsLoop(page).catch((error: Error) => tell(error.message))
    await context.close()
  }
  for (const kind of ["picture", "program"] as const) {
    if (bytes[kind] > limitBytes[kind]) {
      found.push({ path: "", what: `the first touch of a ${kind} loads ${bytes[kind]} bytes` })
    }
  }
  return { found, bytes }
}
