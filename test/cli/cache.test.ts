/** How the messages of the command name a cache. */
import { describe, expect, it } from "@effect/vitest"
import { nameOf } from "../../src/cli/cache.ts"

describe("a message", () => {
  it("names a cache without its password", () => {
    expect(nameOf("redis://shop:secret@host:1/0?prefix=a")).toBe("redis://host:1/0")
    expect(nameOf("./a?b")).toBe("./a?b")
  })
})
