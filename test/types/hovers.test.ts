/** The hover text of an editor for a combinator: types by their names. */
import { it } from "@effect/vitest"
import { Schema } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { compare } from "./golden.ts"

const root = resolve(import.meta.dirname, "../..")
const file = join(import.meta.dirname, "hovers.ts")
const uri = pathToFileURL(file).href

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
}

/** The language server that comes with the compiler. */
const serve = (server: ChildProcessWithoutNullStreams) => {
  const waiting = new Map<number, (result: unknown) => void>()
  let bytes = Buffer.alloc(0)
  const send = (message: Message) => {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message })
    server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  }
  const receive = ({ id, method, params, result }: Message) => {
    if (id === undefined) return
    if (method === undefined) return waiting.get(id)?.(result)
    // The server asks for settings, among other things: there are none.
    const items = (params as { readonly items?: ReadonlyArray<unknown> } | undefined)?.items
    return send({ id, result: items === undefined ? null : items.map(() => null) })
  }
  server.stdout.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    for (;;) {
      const head = bytes.indexOf("\r\n\r\n")
      if (head < 0) return
      const end = head + 4 + Number(/Content-Length: (\d+)/.exec(bytes.toString("latin1", 0, head))![1])
      if (bytes.length < end) return
      receive(JSON.parse(bytes.toString("utf8", head + 4, end)) as Message)
      bytes = bytes.subarray(end)
    }
  })
  let id = 0
  const ask = (method: string, params: unknown) =>
    new Promise<unknown>((done) => {
      waiting.set(++id, done)
      send({ id, method, params })
    })
  const tell = (method: string, params: unknown) => send({ method, params })
  return { ask, tell }
}

const Hover = Schema.Struct({ contents: Schema.Struct({ value: Schema.String }) })

const hovers = async () => {
  const server = spawn(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--lsp", "--stdio"], {
    cwd: root
  })
  try {
    const { ask, tell } = serve(server)
    const capabilities = { textDocument: { hover: { contentFormat: ["markdown"] } } }
    await ask("initialize", { processId: null, rootUri: pathToFileURL(root).href, capabilities })
    tell("initialized", {})
    const text = readFileSync(file, "utf8")
    tell("textDocument/didOpen", { textDocument: { uri, languageId: "typescript", version: 1, text } })
    const shown: Array<string> = []
    for (const [line, code] of text.split("\n").entries()) {
      const call = /^  Cached\.(?=\w)/.exec(code)
      if (call === null) continue
      const position = { line, character: call[0].length }
      const answer = Schema.decodeUnknownSync(Hover)(
        await ask("textDocument/hover", { textDocument: { uri }, position })
      )
      shown.push(`${code.trim()}\n${answer.contents.value.split("```")[1]!.replace("typescript\n", "").trim()}\n`)
    }
    return shown.join("\n")
  } finally {
    server.kill()
  }
}

it("a hover names its types", { timeout: 120_000 }, async () => {
  compare(await hovers(), join(import.meta.dirname, "hovers.txt"))
})
