/** A short digest of a text, computed synchronously on every platform. */
import { sha256 } from "@noble/hashes/sha2.js"
import { toHex } from "./bytes.ts"

const encoder = new TextEncoder()

/** The first 16 hexadecimal digits of the SHA-256 of a text. */
export const digest = (text: string): string => toHex(sha256(encoder.encode(text)), 0, 8)
