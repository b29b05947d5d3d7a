/**
 * Texts as SQLite stores them. Its text is UTF-8, where different texts with lone surrogates would become the same, and
 * ends with U+0000 for Deno and others that read it. Such texts are stored as bytes.
 */
import { fromUtf16, isWellFormed, toUtf16 } from "../../../internal/codec/bytes.ts"

export const toColumn = (text: string): string | Uint8Array =>
  isWellFormed(text) && !text.includes("\u0000") ? text : toUtf16(text)

export const fromColumn = (column: unknown): string =>
  typeof column === "string" ? column : fromUtf16(column as Uint8Array)
