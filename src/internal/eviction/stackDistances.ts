/**
 * Stack distances of a sample: the room that an LRU cache would have needed for each read to hit, and thereby the hit
 * ratio of every capacity at once (Mattson, Gecsei, Slutz and Traiger, IBM Systems Journal 1970). The sample is spatial
 * and bounded (SHARDS: Waldspurger, Park, Garthwaite and Ahmad, FAST 2015): ids whose hashes are below a threshold,
 * each of which represents as many ids as it omits. When they become too many, the threshold is halved, and earlier
 * counts count half. A Fenwick tree over the order of last reads sums the weights of the later places, which is the
 * distance.
 */

const mostSamples = 4096

/** An id read again within this share of the capacity keeps its place, which costs less and is exact enough. */
const shareOfNewest = 1 / 32

/** A point for each 1/8 of a power of two: exact for distances up to 16, and within 9 % beyond. */
const bucketsOfDoubling = 8
const buckets = bucketsOfDoubling * 53

export interface Sample {
  readonly hash: number
  weight: number
  /** Its place in the order of last reads. 0 if it is no longer followed. */
  place: number
}

export interface Point {
  readonly capacity: number
  readonly hitRatio: number
}

interface DistancesOptions<A> {
  readonly share: number
  readonly followed: number
  readonly onDrop: (sample: A) => void
}

export class StackDistances<A extends Sample = Sample> {
  /** All reads, including those of ids that are not followed. */
  reads = 0
  readonly samples = new Map<number, A>()
  private threshold: number
  private readonly sums = new Float64Array(2 * mostSamples + 1)
  private last = 0
  private total = 0
  /** Reads of followed ids by distance, and reads of unknown ones. */
  private readonly distances = new Float64Array(buckets)
  private unknown = 0
  /** Reads of recent ids, by the number of later places. Not yet included in the other counts. */
  private readonly near = new Float64Array(mostSamples)
  private newest: number
  private readonly onDrop: (sample: A) => void

  /** Initially follows a share of the ids, for a memory with room for this many followed ones. */
  constructor({ followed, onDrop, share }: DistancesOptions<A>) {
    this.threshold = share * 2 ** 32
    this.newest = Math.min(this.near.length, followed * shareOfNewest)
    this.onDrop = onDrop
  }

  get share(): number {
    return this.threshold / 2 ** 32
  }

  /** Whether the id of a hash is followed. Mixed, because a memory may use the same hash for another purpose. */
  isFollowed(hash: number): boolean {
    return Math.imul(hash, 0xc2b2ae35) >>> 0 < this.threshold
  }

  read(sample: A): void {
    const { place, weight } = sample
    const after = this.last - place
    if (after < this.newest) return void this.near[after]!++
    this.add(place, -weight)
    this.distances[bucketOf((this.total - this.sumTo(place)) / this.share + weight)]!++
    this.append(sample)
  }

  /** Records a read of an unknown followed id. If it exceeds the limit, it may have no place afterwards. */
  begin(sample: A): A {
    while (this.samples.size >= mostSamples) this.halve()
    if (!this.isFollowed(sample.hash)) return sample
    this.unknown++
    this.samples.set(sample.hash, sample)
    this.append(sample)
    return sample
  }

  /** The next read of the id misses at every capacity, because it has expired or was invalidated. */
  forget(sample: A): void {
    if (sample.place === 0) return
    this.samples.delete(sample.hash)
    this.add(sample.place, -sample.weight)
    sample.place = 0
  }

  reweigh(sample: A, weight: number): void {
    if (sample.place !== 0) this.add(sample.place, weight - sample.weight)
    sample.weight = weight
  }

  points(): ReadonlyArray<Point> {
    this.settle()
    const expected = this.reads * this.share
    const counted = this.unknown + this.distances.reduce((sum, reads) => sum + reads, 0)
    // The difference is mostly due to ids that are read all the time (SHARDS-adj).
    let hits = expected - counted
    const points: Array<Point> = []
    const longest = this.distances.findLastIndex((reads) => reads > 0)
    for (let bucket = 0; bucket <= longest; bucket++) {
      hits += this.distances[bucket]!
      const capacity = lastOf(bucket)
      if (capacity === points.at(-1)?.capacity) points.pop()
      points.push({ capacity, hitRatio: Math.max(points.at(-1)?.hitRatio ?? 0, Math.min(1, hits / expected)) })
    }
    return points
  }

  private append(sample: A): void {
    if (this.last === 2 * mostSamples) this.close()
    sample.place = ++this.last
    this.add(sample.place, sample.weight)
  }

  private close(): void {
    this.sums.fill(0)
    this.last = this.total = 0
    const inOrder = Array.from(this.samples.values()).sort((one, other) => one.place - other.place)
    for (const sample of inOrder) {
      if (sample.place === 0) continue
      sample.place = ++this.last
      this.add(sample.place, sample.weight)
    }
  }

  private settle(): void {
    const weight = this.total / this.samples.size
    this.near.forEach((reads, after) => {
      if (reads > 0) this.distances[bucketOf((after / this.share + 1) * weight)]! += reads
    })
    this.near.fill(0)
  }

  private halve(): void {
    this.settle()
    this.threshold /= 2
    this.newest /= 2
    this.unknown /= 2
    for (let bucket = 0; bucket < buckets; bucket++) this.distances[bucket]! /= 2
    for (const sample of this.samples.values()) {
      if (this.isFollowed(sample.hash)) continue
      this.forget(sample)
      this.onDrop(sample)
    }
  }

  private add(place: number, weight: number): void {
    const { sums } = this
    this.total += weight
    for (let i = place; i < sums.length; i += i & -i) sums[i]! += weight
  }

  private sumTo(place: number): number {
    const { sums } = this
    let sum = 0
    for (let i = place; i > 0; i -= i & -i) sum += sums[i]!
    return sum
  }
}

const bucketOf = (distance: number): number =>
  Math.min(buckets - 1, Math.floor(Math.log2(Math.max(1, distance)) * bucketsOfDoubling))

/** The largest capacity that a bucket's distances do not exceed. */
const lastOf = (bucket: number): number => Math.max(1, Math.ceil(2 ** ((bucket + 1) / bucketsOfDoubling)) - 1)
