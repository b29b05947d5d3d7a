/** The record that is stored in the cases about disks: about 300 bytes of JSON. */
import { Schema } from "effect"

export const User = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  email: Schema.String,
  age: Schema.Number,
  active: Schema.Boolean,
  roles: Schema.Array(Schema.String),
  about: Schema.String
})

export const user = (id: string): typeof User.Type => ({
  id,
  name: "Ada Lovelace",
  email: `${id}@example.com`,
  age: 36,
  active: true,
  roles: ["reader", "writer", "admin"],
  about: "x".repeat(170 - 2 * id.length)
})

const size = JSON.stringify(user("user:1")).length
if (size < 290 || size > 310) throw new Error(`the record has ${size} bytes`)
