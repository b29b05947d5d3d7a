/** Cells: `Pipeline.file` reads the values that a pipeline has written to a file of any format, or they are refused. */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Pipeline } from "effect-cached/pipeline"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { isSame } from "../../src/testing/law.ts"

const formats = ["csv", "ndjson", "parquet"] as const

let folder: string
let files = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cells-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

type AnySchema = Schema.Codec<any, any>

/** Writes values as the results of a function with their schema. */
const written = async (format: string, success: AnySchema, values: ReadonlyArray<unknown>) => {
  const to = join(folder, `${++files}.${format}`)
  class Value extends CacheKey.Class<Value>()("Value", { payload: { row: Schema.Int }, success }) {}
  const through = Cached.many(Value, (keys) => Effect.succeed(keys.map(({ row }) => Exit.succeed(values[row]))), {
    ttl: "1 hour"
  })
  const from = Stream.fromIterable(values.map((_, row) => ({ row })))
  const program = Pipeline.run({ from, through, to, failures: join(folder, `${files}.failures.ndjson`) })
  const summary = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
  return { to, summary }
}

const read = (file: string, schema: AnySchema) => Effect.runPromiseExit(Stream.runCollect(Pipeline.file(file, schema)))

const leaves: ReadonlyArray<AnySchema> = [
  ...[Schema.String, Schema.Number, Schema.Finite, Schema.Int, Schema.Boolean, Schema.BigInt, Schema.Uint8Array],
  ...[Schema.Date, Schema.Literals(["on", "off", "", "null", "5"]), Schema.Union([Schema.String, Schema.Number])],
  ...[Schema.NullOr(Schema.String), Schema.NullOr(Schema.Number), Schema.NullOr(Schema.Date), Schema.DateTimeUtc],
  ...[Schema.ReadonlyMap(Schema.String, Schema.Number), Schema.ReadonlySet(Schema.String), Schema.FiniteFromString]
]

/** A schema as numbers dictate it; when they run out, leaves. */
const schemaOf = (tape: Array<number>): AnySchema => {
  const next = (below: number) => (tape.pop() ?? 0) % below
  switch (tape.length === 0 ? 9 : next(14)) {
    case 0:
      return Schema.Array(schemaOf(tape))
    case 1:
      return Schema.Option(schemaOf(tape))
    case 2:
      return Schema.Tuple([schemaOf(tape), schemaOf(tape)])
    case 3:
      return Schema.Record(Schema.String, schemaOf(tape))
    case 4:
      return structOf(tape)
    default:
      return leaves[next(leaves.length)]!
  }
}

const names = ["a", "b.c", "=d", "é", "null", "value"]

const structOf = (tape: Array<number>) => {
  const fields: Record<string, Schema.Constraint> = {}
  for (const name of names.slice(0, 1 + (tape.pop() ?? 0) % names.length)) {
    const field = schemaOf(tape)
    fields[name] = (tape.pop() ?? 1) % 3 === 0 ? Schema.optionalKey(field) : field
  }
  return Schema.Struct(fields) as unknown as AnySchema & { readonly fields: Schema.Struct.Fields }
}

/** The value that the schema's own JSON form restores: a file is no more exact than that. */
const restored = (schema: AnySchema, value: unknown): unknown => {
  const codec = Schema.toCodecJson(schema)
  const exit = Effect.runSyncExit(
    Effect.flatMap(Schema.encodeUnknownEffect(codec)(value), Schema.decodeUnknownEffect(codec)) as Effect.Effect<
      unknown
    >
  )
  return Exit.isSuccess(exit) ? exit.value : exit
}

it.each(formats)("text in %s keeps a byte order mark", async (format) => {
  const values = ["\uFEFFa", "\uFEFF", "a\uFEFF", ""].map((text) => ({ text }))
  const { to } = await written(format, Schema.Struct({ text: Schema.String }), values)
  const rows = await read(to, Schema.Struct({ row: Schema.Int, text: Schema.String }))
  expect(rows).toEqual(Exit.succeed(values.map((value, row) => ({ row, ...value }))))
})

describe("generated schemas", () => {
  it.each(formats)(
    "300 schemas in %s: each row is read as it was, or is refused with its number and field",
    async (format) => {
      const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
      const tapes = Arbitrary.array(Arbitrary.schema(Byte), { minLength: 1, maxLength: 12 })
      let same = 0
      let refused = 0
      for (let seed = 0; seed < 300; seed++) {
        const sample = <A>(from: Arbitrary.Arbitrary<A>, count: number) =>
          Effect.runSync(Arbitrary.sampleEffect(from, { count, seed }))
        const [tape] = sample(tapes, 1)
        const schema = structOf([...tape!])
        const values = sample(Arbitrary.schema(schema), 4)
        const { summary, to } = await written(format, schema, values)
        const lost = new Set<number>()
        if (summary.failures !== undefined) {
          for (const line of readFileSync(summary.failures, "utf8").trim().split("\n")) {
            const { error, row } = JSON.parse(line)
            expect(error).toMatch(/, row \d+: .*(field|column|schema|surrogate)/)
            lost.add(row - 1)
          }
        }
        const rows = await read(to, Schema.Struct({ row: Schema.Int, ...schema.fields }) as never)
        const about = `seed ${seed}, ${format}: ${inspect(schema.ast, { depth: 4 }).slice(0, 200)}`
        if (Exit.isFailure(rows)) expect.unreachable(`${about}: ${inspect(values)}: ${Cause.pretty(rows.cause)}`)
        const left = values.flatMap((value, row) => lost.has(row) ? [] : [{ row, ...value }])
        expect(rows.value.length, about).toBe(left.length)
        left.forEach((value, i) => {
          const { row: _, ...found } = rows.value[i] as any
          const { row: __, ...given } = value
          if (!isSame(found, given) && !isSame(found, restored(schema, given))) {
            expect.unreachable(`${about}: ${inspect(given, { depth: 9 })} became ${inspect(found, { depth: 9 })}`)
          }
        })
        same += left.length
        refused += lost.size
      }
      console.log(format, { same, refused })
      expect(refused).toBeLessThan(same / 4)
    },
    120_000
  )
})
