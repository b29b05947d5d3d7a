/** Finds a page by a word, as a reader does. */
import type { Browser } from "playwright-core"
import type { Found } from "./walk.ts"

export const search = async (browser: Browser, url: string, word: string): Promise<ReadonlyArray<Found>> => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  await page.goto(url)
  await page.waitForLoadState("networkidle")
  await page.keyboard.press("Control+k")
  await page.locator("dialog input").fill(word)
  const result = page.locator("dialog a[href]", { hasText: word }).first()
  const found = await result.click({ timeout: 20_000 }).then(() =>
    page.waitForURL(/\?|\/[\w-]+\//).then(() => page.locator("main").innerText())
  )
    .then((text) => text.includes(word) ? [] : ["leads to a page without it"], () => ["finds nothing"])
  await page.close()
  return found.map((what) => ({ path: "", what: `the search for "${word}" ${what}` }))
}
