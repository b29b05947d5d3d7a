/** The output of the command to a terminal. */
import { describe, expect, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { print, progress } from "../../src/cli/terminal.ts"

describe("the progress of a command", () => {
  it.effect("leaves nothing behind the text that is printed over it", () =>
    Effect.gen(function*() {
      const written: Array<unknown> = []
      const write = (text: unknown, ...[done]: ReadonlyArray<unknown>): boolean => {
        written.push(text)
        if (typeof done === "function") done()
        return true
      }
      for (const stream of [process.stdout, process.stderr]) {
        const wasTerminal = stream.isTTY
        const spy = vi.spyOn(stream, "write").mockImplementation(write)
        stream.isTTY = true
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            spy.mockRestore()
            stream.isTTY = wasTerminal
          })
        )
      }
      const tell = yield* progress("read")
      yield* TestClock.adjust(1000)
      tell(5000)
      yield* print("done\n")
      expect(written).toEqual(["\r\u001b[2Kread 5,000 entries, 5,000 a second\r", "\r\u001b[2K", "done\n"])
    }))
})
