/** Ghosts: four-byte records of evicted entries, with 20 bits of the hash and 12 bits of the last use's generation. */

const generations = 0xfff

/** The maximum age of a ghost in generations. Ages are limited because the 12-bit generation numbers wrap around. */
const oldest = 2048

export class Ghosts {
  private readonly words: Uint32Array
  private swept = 0

  constructor(count: number) {
    this.words = new Uint32Array(4 * Math.max(1, Math.ceil(count / 4)))
  }

  /** Removes an entry's ghost. Returns the generations since the entry's last use, or `-1` if there is no ghost. */
  take(hash: number, now: number): number {
    const { words } = this
    const first = this.bucketOf(hash)
    const fingerprint = fingerprintOf(hash)
    for (let i = first; i < first + 4; i++) {
      const word = words[i]!
      if ((word & 0xfffff) !== fingerprint) continue
      words[i] = 0
      return ageOf(word, now)
    }
    return -1
  }

  put(hash: number, now: number, age: number): void {
    const { words } = this
    const first = this.bucketOf(hash)
    let place = first
    let most = -1
    for (let i = first; i < first + 4; i++) {
      const other = words[i] === 0 ? Infinity : ageOf(words[i]!, now)
      if (other > most) {
        most = other
        place = i
      }
    }
    words[place] = ((now - Math.min(age, oldest)) << 20) | fingerprintOf(hash)
  }

  /** Checks a few ghosts in each generation, so that old ones are gone before their generation numbers are reused. */
  sweep(now: number): void {
    const { words } = this
    for (let left = Math.ceil(words.length / 512); left > 0; left--) {
      this.swept = this.swept + 1 < words.length ? this.swept + 1 : 0
      if (ageOf(words[this.swept]!, now) > oldest) words[this.swept] = 0
    }
  }

  private bucketOf(hash: number): number {
    return Math.floor((hash >>> 0) / 2 ** 34 * this.words.length) * 4
  }
}

const ageOf = (word: number, now: number): number => (now - (word >>> 20)) & generations

/** Returns the hash bits that a ghost keeps. They are never 0, because 0 marks a free place. */
const fingerprintOf = (hash: number): number => (Math.imul(hash, 0x9e3779b1) >>> 12) | 1
