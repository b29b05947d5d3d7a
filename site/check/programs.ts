/** Runs every program that a page offers to run, as it stands there. */
import type { Browser } from "playwright-core"
import type { Told } from "../client/worker.ts"
import type { Found } from "./walk.ts"

/** As the page does, but without a limit; returns what is wrong. */
const runInWorker = ([worker, program]: readonly [worker: string, program: string]): Promise<string | undefined> =>
  new Promise((resume) => {
    const started = new Worker(worker, { type: "module" })
    const end = (what: string | undefined): void => {
      started.terminate()
      resume(what)
    }
    setTimeout(() => end("it does not end within 20 seconds"), 20_000)
    started.addEventListener("error", () => end("the worker could not be loaded"))
    started.addEventListener("message", ({ data }: MessageEvent<Told>) => {
      if (data.tag === "ended") end(undefined)
      if (data.tag === "failed") end(data.text)
    })
    started.postMessage(program)
  })

export const runPrograms = async (
  browser: Browser,
  url: string,
  programs: ReadonlyArray<readonly [path: string, program: string]>
): Promise<ReadonlyArray<Found>> => {
  const page = await browser.newPage()
  await page.goto(url)
  const found: Array<Found> = []
  for (const [path, program] of programs) {
    const what = await page.evaluate(runInWorker, [`${url}lib/worker.js`, program] as const)
    if (what !== undefined) found.push({ path, what: `${what}, from the program\n${program}` })
  }
  await page.close()
  return found
}
