/**
 * The bits of a scalable Bloom filter (Almeida and others, 2007): a layer that is about half full is followed by one of
 * twice the size and half the error. Bits are found by enhanced double hashing (Dillinger and Manolios, 2004) over
 * SHA-256, so that colliding items cannot be crafted.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { filters } from "../defaults/guards.ts"

/** How many items a filter is made for, and which share of others it may take for them. */
export interface Size {
  readonly capacity: number
  readonly errorRate: number
}

export interface Layer {
  readonly index: number
  /** How many bits it has, and how many of them an item sets. */
  readonly bits: number
  readonly hashes: number
  readonly blocks: number
  /** The share of set bits, about a half, from which on it takes too many items for added. */
  readonly fullAt: number
}

/** The layer with an index, from 0 on. */
export const layerOf = ({ capacity, errorRate }: Size, index: number): Layer => {
  const items = capacity * 2 ** index
  const error = errorRate / 2 ** (index + 1)
  const bits = Math.ceil(-items * Math.log(error) / Math.LN2 ** 2)
  const hashes = Math.max(1, Math.round(bits / items * Math.LN2))
  return { index, bits, hashes, blocks: Math.ceil(bits / bitsOfBlock), fullAt: error ** (1 / hashes) }
}

const bitsOfBlock = filters.blockBytes * 8

const blocksOfLayer = 2 ** 32

/** The block that says which layers there are, a bit each. */
export const layersBlock = -1

/** The number of a block of a layer. */
export const numberOf = ({ index }: Layer, block: number): number => index * blocksOfLayer + block

/** The layer and block of a number. */
export const placeOf = (number: number): { readonly index: number; readonly block: number } => ({
  index: Math.floor(number / blocksOfLayer),
  block: number % blocksOfLayer
})

/** How many bits of a layer are in a block. */
export const bitsIn = ({ bits }: Layer, block: number): number => Math.min(bitsOfBlock, bits - block * bitsOfBlock)

/** The bytes of a block: the last one of a layer is shorter. */
export const bytesOf = (layer: Layer, block: number): number => Math.ceil(bitsIn(layer, block) / 8)

/** An item, as two numbers of 48 bits. */
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

/** Calls `use` with the place of each bit of an item: its block, its byte there, and the bit of the byte. */
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

/** How many bits are set. */
export const countBits = (bytes: Uint8Array): number => {
  let count = 0
  for (let i = 0; i < bytes.length; i++) count += countsOfBytes[bytes[i]!]!
  return count
}

const countsOfBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length)

/** About how many items a layer has, by its bits that are set. */
export const itemsOf = ({ bits, hashes }: Layer, set: number): number =>
  set >= bits ? Infinity : -bits / hashes * Math.log1p(-set / bits)
