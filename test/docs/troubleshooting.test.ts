/** The messages that the pages explain are those of the code (or its golden texts), and of the compiler. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

const sections = read("docs/troubleshooting.md").split(/^## /m)
const section = (name: string): string => sections.find((text) => text.startsWith(name))!

/** The codes in the first cells of the table, cut where a part of a message varies. */
const messagesOf = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/^\| (`.*?) \| /gm), ([, cell]) => cell!)
    .flatMap((cell) => Array.from(cell.matchAll(/(`+)(.+?)\1/g), ([, , code]) => code!.replaceAll("\\|", "|").trim()))
    .flatMap((code) => code.split("…"))
    .map((part) => part.trim())
    .filter((part) => part.length > 3)

// Literals that continue in the next line are one.
const files = [...globSync("src/**/*.ts", { cwd: root }), "test/cached/messages.test.ts"]
const source = files.map(read).join("\n").replaceAll(/["`] \+\n\s*["`]/g, "")
  .replaceAll("\\\"", "\"")

it.each([
  ["What a program dies with", section("What a program dies with")],
  ["What the log says", section("What the log says")]
])("%s: each message is in the code", (_, text) => {
  const messages = messagesOf(text)
  expect(messages.length).toBeGreaterThan(10)
  expect(messages.filter((message) => !source.includes(message))).toEqual([])
})

it("What the compiler says: each message is in a first line of the golden texts, or is a whole line below one", () => {
  const messages = messagesOf(section("What the compiler says"))
  expect(messages.length).toBeGreaterThan(8)
  const lines = read("test/types/mistakes/messages.txt").split("\n")
  const isSaid = (message: string) =>
    lines.some((line) => line.startsWith(" ") ? line.trim() === `${message}.` : line.includes(message))
  expect(messages.filter((message) => !isSaid(message))).toEqual([])
})

const reading: Effect.Effect<number, never, never> = Effect.sleep(1).pipe(
  Effect.as(1),
  Cached.ttl("a", { ttl: "1 minute" })
) as never

it.each<[run: () => unknown, said: string]>([
  [() => Effect.runPromise(Effect.provide(reading, CacheLayer.memory as never)), "self.build is not a function"],
  [() => Effect.runPromise(Effect.provide(reading, [CacheLayer.memory] as never)), "layer.build is not a function"],
  [() => Effect.runPromise(TestClock.adjust("1 hour")), "testClock.adjust is not a function"],
  [() => Effect.runSync(Effect.provide(reading, CacheLayer.memory())), "AsyncFiberError"],
  [() => Effect.runPromise(Cached.ttl("a", { ttl: 1 }) as never), "Not a valid effect"],
  [() => Effect.runPromise(Effect.flatMap(Effect.void, () => "a" as never)), "Not a valid effect"],
  [
    () =>
      Effect.runPromise(Effect.gen(function*() {
        yield* Cached.ttl("a", { ttl: 1 }) as unknown as Effect.Effect<void>
      })),
    "is not iterable"
  ]
])("What Effect says: %#", async (run, said) => {
  const thrown = await (async () => run())().then(() => "nothing", String)
  expect(thrown).toContain(said)
  expect(messagesOf(section("What Effect says"))).toContain(said)
})
