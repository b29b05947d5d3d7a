/**
 * For those who write an adapter of their own: the laws that every adapter of this library keeps, as values that any
 * test framework can run.
 *
 * @since 0.1.0
 */
export { isSame, type Law, LawBroken, same } from "./law.ts"
export { serializerLaws } from "./serializerLaws.ts"
export { storeLaws } from "./storeLaws.ts"
