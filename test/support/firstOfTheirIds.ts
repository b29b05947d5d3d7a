/** For files of tests that see a hit which answers at once. */
import { afterAll, beforeEach } from "@effect/vitest"
import { sameIds } from "../../src/internal/key/sameIds.ts"

/**
 * Makes the tests of this file run as if no other file of their process had made a class with the ids of another one,
 * after which each hit is a read.
 */
export const firstOfTheirIds = (): void => {
  let before = false
  beforeEach(() => {
    before ||= sameIds.exist
    sameIds.exist = false
  })
  afterAll(() => {
    sameIds.exist ||= before
  })
}
