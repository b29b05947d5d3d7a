/** Runs the command `effect-cached` as a process, from its sources. */
import { afterAll } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

/** The program and its first arguments. */
export const commandPath = [process.execPath, "--conditions=effect-cached-source", `${root}/src/cli/main.ts`] as const

/** The lines that a command printed, each of which is JSON. */
export const jsonLines = (text: string): ReadonlyArray<any> => text.trim().split("\n").map((line) => JSON.parse(line))

/** Makes folders, which are removed after the tests of the file. */
export const folders = (): () => string => {
  const root = mkdtempSync(join(tmpdir(), "effect-cached-command-"))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  return () => mkdtempSync(join(root, "folder-"))
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Options {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly path?: ReadonlyArray<string>
}

/** Runs the command to its end, without a terminal. */
export const command = (
  args: ReadonlyArray<string>,
  { cwd, env, input = "", path = commandPath }: Options = {}
): Promise<Ran> =>
  new Promise((done) => {
    const child = spawn(path[0]!, [...path.slice(1), ...args], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: "", NODE_COMPILE_CACHE: join(tmpdir(), "effect-cached-compiled"), ...env }
    })
    const ran = { stdout: "", stderr: "" }
    // A chunk may end inside a character.
    child.stdout.setEncoding("utf8").on("data", (chunk) => ran.stdout += String(chunk))
    child.stderr.setEncoding("utf8").on("data", (chunk) => ran.stderr += String(chunk))
    child.on("close", (status) => done({ status, ...ran }))
    child.stdin.on("error", () => {})
    child.stdin.end(input)
  })

export class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.Struct({ name: Schema.String }),
  tags: ["users"]
}) {}

/** The layer of a folder. */
export const layerOf = (layer: "disk" | "files", directory: string) =>
  layer === "disk" ? CacheLayer.disk({ directory }) : CacheLayer.files({ directory })

/** Writes a few entries. */
export const seedEntries = Effect.gen(function*() {
  yield* Cached.set("user:1", { name: "Ada", roles: ["admin"] }, { ttl: "1 hour" })
  yield* Cached.set("user:2", { name: "Grace" }, { ttl: "2 days" })
  yield* Cached.set(new User({ id: 1 }), { name: "Ada" }, { ttl: "1 hour" })
})

/** Writes a few entries to a folder. */
export const seed = (
  directory: string,
  layer: "disk" | "files" = "disk",
  serializer: Serializer.Serializer = Serializer.Serializer.defaultValue()
): Promise<void> =>
  seedEntries.pipe(
    Effect.provide(layerOf(layer, directory)),
    Effect.provideService(Serializer.Serializer, serializer),
    Effect.runPromise
  )
