/** `effect-cached schema`: the schemas of what `--json` prints. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { states } from "./cache.ts"
import { print } from "./terminal.ts"

/** The schema of the output of each command with `--json`. `ls` and `export` print one such object on each line. */
export const outputs = () => {
  const count = Schema.Int
  const time = Schema.NullOr(Schema.Finite)

  const entry = {
    id: Schema.String,
    state: Schema.Literals(states),
    outcome: Schema.optional(Schema.Literals(["success", "failure"])),
    bytes: Schema.optional(count),
    format: Schema.optional(Schema.String),
    createdAt: Schema.optional(Schema.Finite),
    softExpiresAt: Schema.optional(time),
    expiresAt: Schema.optional(time),
    loadMillis: Schema.optional(Schema.Finite),
    tags: Schema.optional(Schema.Array(Schema.String)),
    staleTags: Schema.optional(Schema.Array(Schema.String)),
    etag: Schema.optional(Schema.String)
  }

  const shares = Schema.Record(Schema.String, Schema.Struct({ entries: count, bytes: count }))

  const removal = Schema.Struct({ count, ids: Schema.Array(Schema.String), dryRun: Schema.Boolean })

  const copy = Schema.Struct({
    read: count,
    written: count,
    kept: count,
    expired: count,
    tooLarge: count,
    sealed: count,
    damaged: count
  })

  return {
    ls: Schema.Struct(entry),
    show: Schema.Struct({
      ...entry,
      value: Schema.optional(Schema.Unknown),
      shown: Schema.optional(Schema.String),
      undecoded: Schema.optional(Schema.String),
      base64: Schema.String
    }),
    stats: Schema.Struct({
      entries: count,
      bytes: count,
      pages: count,
      failures: count,
      states: Schema.Record(Schema.Literals(states), count),
      formats: shares,
      groups: shares,
      oldest: time,
      newest: time
    }),
    rm: removal,
    invalidate: removal,
    export: Schema.Struct({
      id: Schema.String,
      format: Schema.String,
      meta: Schema.Struct({
        createdAt: Schema.Finite,
        softExpiresAt: time,
        expiresAt: time,
        loadMillis: Schema.Finite,
        outcome: Schema.Literals(["success", "failure"]),
        tags: Schema.Array(Schema.Struct({ tag: Schema.String, version: Schema.String })),
        writeId: Schema.String,
        serializer: count,
        etag: Schema.optional(Schema.String),
        isConstant: Schema.optional(Schema.Boolean),
        endsWithParts: Schema.optional(Schema.Boolean)
      }),
      staleTags: Schema.optional(Schema.Array(Schema.String)),
      text: Schema.optional(Schema.String),
      base64: Schema.optional(Schema.String)
    }),
    import: copy,
    verify: Schema.Struct({ entries: count, damaged: Schema.Array(Schema.String) }),
    migrate: copy
  }
}

export const schema = Command.make("schema", {}, () =>
  Effect.suspend(() =>
    print(`${
      JSON.stringify(
        Object.fromEntries(
          Object.entries(outputs()).map(([name, output]) => [name, Schema.toJsonSchemaDocument(output).schema])
        ),
        undefined,
        2
      )
    }\n`)
  )).pipe(
    Command.withDescription("Prints a JSON Schema for what each command prints with --json"),
    Command.withShortDescription("Print the schemas of --json"),
    Command.withExamples([{ command: "effect-cached schema", description: "All schemas, by command" }])
  )
