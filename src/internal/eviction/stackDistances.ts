/**
 * Stack distances of a sample: how much room an LRU cache would have needed for each read to hit, and so the hit ratio
 * of every capacity at once (Mattson, Gecsei, Slutz and Traiger, IBM Systems Journal 1970). Spatially sampled with a
 * bound (SHARDS: Waldspurger, Park, Garthwaite and Ahmad, FAST 2015): ids whose hashes are below a threshold are
 * followed, and each stands for as many as the threshold leaves out. Where they become too many the threshold is
 * halved, and what was counted before counts half.
 *
 * Followed ids stand in the order of their last reads, a place each. A Fenwick tree sums the weights of the places
 * after one: that is the distance.
 */

/** How many ids are followed at most. */
const mostSamples = 4096

/**
 * Many reads are of ids that were read a moment ago: since then not even 1/32 of what a memory has room for was read.
 * Such an id stays in its place, which costs a fraction, and is exact enough.
 */
const shareOfNewest = 1 / 32

/** A point for each 1/8 of a power of two: distances up to 16 apart, beyond within 9 %. */
const bucketsOfDoubling = 8
const buckets = bucketsOfDoubling * 53

/** A followed id. */
export interface Sample {
  readonly hash: number
  weight: number
  /** Its place in the order of last reads; 0: it is followed no more. */
  place: number
}

/** The hit ratio of a capacity. */
export interface Point {
  readonly capacity: number
  readonly hitRatio: number
}

interface DistancesOptions<A> {
  readonly share: number
  readonly followed: number
  /** Called with each sample that is no longer followed. */
  readonly onDrop: (sample: A) => void
}

export class StackDistances<A extends Sample = Sample> {
  /** All reads, of ids that are not followed too. */
  reads = 0
  /** By hash. */
  readonly samples = new Map<number, A>()
  private threshold: number
  private readonly sums = new Float64Array(2 * mostSamples + 1)
  private last = 0
  private total = 0
  /** Reads of followed ids by distance, and of those that were not known. */
  private readonly distances = new Float64Array(buckets)
  private unknown = 0
  /** Reads of the newest, by how many places came after theirs; not yet among the others. */
  private readonly near = new Float64Array(mostSamples)
  private newest: number
  private readonly onDrop: (sample: A) => void

  /** Follows a share of the ids at first, for a memory that has room for so many of those that it follows. */
  constructor({ followed, onDrop, share }: DistancesOptions<A>) {
    this.threshold = share * 2 ** 32
    this.newest = Math.min(this.near.length, followed * shareOfNewest)
    this.onDrop = onDrop
  }

  /** The share of the ids that are followed. */
  get share(): number {
    return this.threshold / 2 ** 32
  }

  /** Whether the id of a hash is followed. Mixed, because a memory may use the hash for something else too. */
  isFollowed(hash: number): boolean {
    return Math.imul(hash, 0xc2b2ae35) >>> 0 < this.threshold
  }

  /** A read of a followed id that is known. */
  read(sample: A): void {
    const { place, weight } = sample
    const after = this.last - place
    if (after < this.newest) return void this.near[after]!++
    this.add(place, -weight)
    this.distances[bucketOf((this.total - this.sumTo(place)) / this.share + weight)]!++
    this.append(sample)
  }

  /** A read of a followed id that is not known. Where that makes too many, it may have no place afterwards. */
  begin(sample: A): A {
    while (this.samples.size >= mostSamples) this.halve()
    if (!this.isFollowed(sample.hash)) return sample
    this.unknown++
    this.samples.set(sample.hash, sample)
    this.append(sample)
    return sample
  }

  /** The next read of the id hits nowhere, because it has expired or was invalidated. */
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

  /** The hit ratio of each capacity up to the one from which on it does not change. */
  points(): ReadonlyArray<Point> {
    this.settle()
    const expected = this.reads * this.share
    const counted = this.unknown + this.distances.reduce((sum, reads) => sum + reads, 0)
    // More or fewer reads were followed than their share: mostly of ids that are read all the time (SHARDS-adj).
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

  /** Takes out the places without a sample. */
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

/** The largest capacity for which the distances of a bucket are not too long. */
const lastOf = (bucket: number): number => Math.max(1, Math.ceil(2 ** ((bucket + 1) / bucketsOfDoubling)) - 1)
