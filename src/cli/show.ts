/** `effect-cached show`: one entry with its value. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { inspect as format } from "node:util"
import { showTime } from "../internal/text/times.ts"
import { cacheArgument, inspect, rowsOf } from "./cache.ts"
import { no } from "./failure.ts"
import { factsOf } from "./ls.ts"
import {
  bold,
  columns,
  duration,
  escape,
  escapeLines,
  fields,
  hasColors,
  json,
  jsonFlag,
  print,
  size
} from "./terminal.ts"
import { decode, type Decoded, formatName, keyFlag, textOf } from "./values.ts"

export const show = Command.make("show", {
  cache: cacheArgument,
  id: Argument.String("id").pipe(Argument.withDescription("The id, as ls --json prints it")),
  key: keyFlag,
  json: jsonFlag
}, ({ cache, id, json: isJson, key }) =>
  Effect.scoped(Effect.gen(function*() {
    const inspection = yield* inspect(cache)
    const [row] = yield* rowsOf(inspection, [id])
    if (row?.entry === undefined) {
      return yield* Effect.fail(no(`${row === undefined ? "No entry has" : "A damaged entry has"} the id ${id}`))
    }
    const { entry } = row
    const facts = factsOf(row)
    const decoded = yield* decode(id, entry, key)
    if (isJson) {
      return yield* json({
        ...facts,
        ...toJson(decoded),
        base64: Buffer.from(entry.payload).toString("base64")
      })
    }
    const { createdAt, expiresAt, loadMillis, serializer, softExpiresAt, tags } = entry.meta
    const now = yield* Clock.currentTimeMillis
    const at = (time: number): string => {
      const away = duration(Math.abs(time - now))
      return `${showTime(time)}${Number.isFinite(time) ? ` (${time > now ? `in ${away}` : `${away} ago`})` : ""}`
    }
    yield* print(
      fields([
        ["id", escape(id)],
        ["state", facts.state],
        ["created", `${at(createdAt)}, loaded in ${duration(loadMillis)}`],
        ["stale", at(softExpiresAt)],
        ["expires", at(expiresAt)],
        ["outcome", entry.meta.outcome],
        [
          "tags",
          tags.map(({ tag }) => `${escape(tag)}${row.staleTags.includes(tag) ? softly : ""}`).join(", ") || "none"
        ],
        ...entry.meta.etag === undefined ? [] : [["etag", escape(entry.meta.etag)] as const],
        ["stored", `${size(entry.payload.length)}, ${formatName(serializer)}`]
      ].map(([name, value]) => [bold(name!), value!] as const))
    )
    yield* print(`\n${shownValue(decoded, textOf(entry), entry.payload)}\n`)
  }))).pipe(
    Command.withDescription("Shows one entry: its times, its tags and its value, or the stored form of the value"),
    Command.withShortDescription("Show one entry"),
    Command.withExamples([
      { command: "effect-cached show ./cache user:1", description: "An entry and its value" },
      {
        command: "effect-cached show ./cache user:1 --key may=CACHE_KEY",
        description: "An encrypted value, whose secret is in the variable CACHE_KEY"
      }
    ])
  )

const softly = " (invalidated softly)"

const toJson = (decoded: Decoded): object => {
  if (decoded._tag === "No") return { undecoded: decoded.why }
  try {
    const text = JSON.stringify(decoded.value)
    // Values that JSON does not hold are only in the stored form.
    if (text !== undefined && format(JSON.parse(text), whole) === format(decoded.value, whole)) {
      return { value: decoded.value }
    }
  } catch {
    // A bigint, for example.
  }
  return { undecoded: "JSON does not hold the value", shown: format(decoded.value, whole) }
}

const whole = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity }

const shownValue = (decoded: Decoded, text: string | undefined, payload: Uint8Array): string => {
  if (decoded._tag === "Value") {
    if (typeof decoded.value === "string") return escapeLines(decoded.value)
    const options = { ...whole, breakLength: columns() ?? 80 }
    const plain = escapeLines(format(decoded.value, options))
    // The codes of the colors are escape sequences too, so only a text without others is colored.
    return hasColors() && plain === format(decoded.value, options)
      ? format(decoded.value, { ...options, colors: true })
      : plain
  }
  const begin = text === undefined
    ? Buffer.from(payload.subarray(0, 512)).toString("base64")
    : escapeLines(text.slice(0, 4096))
  const isCut = text === undefined ? payload.length > 512 : text.length > 4096
  return `(${decoded.why}; its stored form${text === undefined ? " in base64" : ""}${isCut ? ", cut" : ""})\n${begin}`
}
