/** The weight and the hash of an entry, as eviction policies use them. */
import type { Node } from "../../ports/eviction.ts"

export const weightOf = ({ weight }: { readonly weight?: number | undefined }): number => weight ?? 1

/** Makes a hash with a secret seed, so that an attacker cannot choose ids that collide or are all sampled. */
export const makeHash = (draw: () => number): (node: Pick<Node, "id">) => number => {
  let seed: number | undefined
  return ({ id }) => {
    let hash = (seed ??= draw()) | 0
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x9e3779b1)
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
    return hash ^ (hash >>> 13)
  }
}
