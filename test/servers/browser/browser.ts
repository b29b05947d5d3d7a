/** A headless Chromium, and an origin on this machine from which it loads pages. */
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { pathTo } from "../../support/needs.ts"

/** The part of playwright's `Page` that the tests use; only `.ci/package.json` has playwright. */
export interface Page {
  readonly goto: (url: string) => Promise<unknown>
  readonly evaluate: <A>(code: string) => Promise<A>
  readonly close: () => Promise<void>
  readonly screenshot: (options: { readonly path: string }) => Promise<unknown>
  readonly setViewportSize: (size: { readonly width: number; readonly height: number }) => Promise<void>
  readonly on: (event: "pageerror", listener: (error: Error) => void) => void
}

interface Context {
  readonly newPage: () => Promise<Page>
  readonly setOffline: (offline: boolean) => Promise<void>
  readonly close: () => Promise<void>
}

interface Playwright {
  readonly chromium: {
    readonly launchPersistentContext: (folder: string, options: object) => Promise<Context>
  }
}

const root = resolve(import.meta.dirname, "../../..")

const flags = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"]
]

/** A file of the origin: its content and its type. */
export interface File {
  readonly type: string
  readonly body: string | (() => string)
}

/** A browser with a fresh profile, and the origin of the files. */
export const start = async (files: { readonly [path: string]: File }) => {
  const { chromium } = createRequire(resolve(root, ".ci/package.json"))("playwright-core") as Playwright
  const server = createServer((request, response) => {
    const file = files[new URL(request.url!, "http://localhost").pathname]
    response.writeHead(file === undefined ? 404 : 200, { "content-type": file?.type ?? "text/plain" })
    response.end(typeof file?.body === "function" ? file.body() : file?.body)
  })
  await new Promise<void>((resume) => server.listen(0, "127.0.0.1", resume))
  const profile = mkdtempSync(join(tmpdir(), "effect-cached-browser-"))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: pathTo("chromium"),
    args: flags,
    headless: true
  })
  const { port } = server.address() as AddressInfo
  return {
    context,
    url: `http://localhost:${port}`,
    stop: async () => {
      await context.close()
      server.closeAllConnections()
      server.close()
      rmSync(profile, { recursive: true, force: true })
    }
  }
}

/** A page that runs a module and has nothing else. */
export const pageOf = (module: string): File => ({
  type: "text/html",
  body: `<!doctype html><meta charset="utf-8"><title>Test</title><script type="module" src="${module}"></script>`
})
