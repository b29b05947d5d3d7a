/**
 * The bits of a scalable Bloom filter (Almeida and others, 2007). When a layer is about half full, a layer of twice the
 * size and half the error is added. Positions come from enhanced double hashing (Dillinger and Manolios, 2004) over
 * SHA-256, so that colliding items cannot be crafted.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { filters } from "../defaults/guards.ts"

export interface Size {
  readonly capacity: number
  readonly errorRate: number
}

export interface Layer {
  readonly index: number
  readonly bits: number
  readonly hashes: number
  readonly blocks: number
  /** The share of set bits, about a half, above which the layer has too many false positives. */
  readonly fullAt: number
}

export const layerOf = ({ capacity, errorRate }: Size, index: number): Layer => {
  const items = capacity * 2 ** index
  const error = errorRate / 2 ** (index + 1)
  const bits = Math.ceil(-items * Math.log(error) / Math.LN2 ** 2)
  const hashes = Math.max(1, Math.round(bits / items * Math.LN2))
  return { index, bits, hashes, blocks: Math.ceil(bits / bitsOfBlock), fullAt: error ** (1 / hashes) }
}

const bitsOfBlock = filters.blockBytes * 8

const blocksOfLayer = 2 ** 32

/** The number of the block that records which layers exist, with one bit for each. */
export const layersBlock = -1

export const numberOf = ({ index }: Layer, block: number): number => index * blocksOfLayer + block

export const placeOf = (number: number): { readonly index: number; readonly block: number } => ({
  index: Math.floor(number / blocksOfLayer),
  block: number % blocksOfLayer
})

export const bitsIn = ({ bits }: Layer, block: number): number => Math.min(bitsOfBlock, bits - block * bitsOfBlock)

/** The size of a block in bytes. The last block of a layer is shorter. */
export const bytesOf = (layer: Layer, block: number): number => Math.ceil(bitsIn(layer, block) / 8)

/** The hash of an item, as two numbers of 48 bits. */
export interface Hash {
  readonly first: number
  readonly second: number
}

const encoder = new TextEncoder()

export const hashOf = (item: string): Hash => {
  const hash = sha256(encoder.encode(item))
  return { first: read48(hash, 0), second: read48(hash, 6) }
}

const read48 = (bytes: Uint8Array, at: number): number => {
  let value = 0
  for (let i = 0; i < 6; i++) value = value * 256 + bytes[at + i]!
  return value
}

/** Calls `use` with the position of each bit of an item: its block, the byte in the block, and the bit in the byte. */
export const forEachBit = (
  { bits, hashes }: Layer,
  { first, second }: Hash,
  use: (block: number, byte: number, mask: number) => void
): void => {
  let position = first % bits
  let step = second % bits
  for (let i = 1; i <= hashes; i++) {
    const inBlock = position % bitsOfBlock
    use((position - inBlock) / bitsOfBlock, inBlock >>> 3, 1 << (inBlock & 7))
    position = (position + step) % bits
    step = (step + i) % bits
  }
}

export const countBits = (bytes: Uint8Array): number => {
  let count = 0
  for (let i = 0; i < bytes.length; i++) count += countsOfBytes[bytes[i]!]!
  return count
}

const countsOfBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length)

export const itemsOf = ({ bits, hashes }: Layer, set: number): number =>
  set >= bits ? Infinity : -bits / hashes * Math.log1p(-set / bits)
