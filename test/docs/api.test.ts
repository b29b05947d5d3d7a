/**
 * The public types are what `docs/api/` says: a change of them is seen, and reviewed, with the change that makes it.
 */
import { describe, expect, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { folder, publicTypes } from "./api.ts"

const advice = "the public types have changed: run `npm run generate`, and review the diff of docs/api"

describe("docs/api", { timeout: 120_000 }, () => {
  const types = publicTypes()

  it("has a file for each entry point", () => {
    const files = globSync("**/*.txt", { cwd: folder }).map((file) => file.replaceAll("\\", "/"))
    expect(files.toSorted(), advice).toEqual([...types.keys()].toSorted())
  })

  it.each([...types])("%s is what the code gives", (file, text) => {
    expect(text, advice).toBe(readFileSync(join(folder, file), "utf8"))
  })

  it("says what users can name, and nothing of the inside", () => {
    expect(types.get("Cached.txt")).toMatch(/^export declare const ttl: /m)
    expect(types.get("Store.txt")).toMatch(/^export interface Store \{/m)
    expect(types.get("testing.txt")).toMatch(/^ {4}export interface ChaosStore \{/m)
    expect(types.get("Strategy.txt")).not.toMatch(/^export declare const kinds/m)
  })
})
