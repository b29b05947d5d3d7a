/**
 * Measures stack distances of a sample of ids: for each read, the capacity that an LRU cache would have needed for a
 * hit. They give the hit ratios of all capacities at once (Mattson, Gecsei, Slutz and Traiger, IBM Systems Journal
 * 1970). The sample is spatial and bounded (SHARDS: Waldspurger, Park, Garthwaite and Ahmad, FAST 2015): it has the ids
 * whose hashes are below a threshold. When there are too many, the threshold and all earlier counts are halved. A
 * Fenwick tree over the order of last reads sums the weights of all ids that were read later, which is the distance.
 */

const mostSamples = 4096

/** To save time, an id keeps its place if at most this share of the followed ids was read since it took that place. */
const shareOfNewest = 1 / 32

/** The curve has 8 points per doubling of the distance. It is exact for distances up to 16, and within 9 % beyond. */
const bucketsOfDoubling = 8
const buckets = bucketsOfDoubling * 53

export interface Sample {
  readonly hash: number
  weight: number
  /** The id's place in the order of last reads, or 0 if the id is no longer followed. */
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
  /** The number of all reads, including those of ids that are not followed. */
  reads = 0
  readonly samples = new Map<number, A>()
  private threshold: number
  private readonly sums = new Float64Array(2 * mostSamples + 1)
  private last = 0
  private total = 0
  /** The number of reads of followed ids by distance, without first reads, which `unknown` counts. */
  private readonly distances = new Float64Array(buckets)
  private unknown = 0
  /** Counts reads that left the id in its place, by the number of later places. `settle` adds them to `distances`. */
  private readonly near = new Float64Array(mostSamples)
  private newest: number
  private readonly onDrop: (sample: A) => void

  /** `share` is the initial share of ids to follow, `followed` the number of followed ids that memory can hold. */
  constructor({ followed, onDrop, share }: DistancesOptions<A>) {
    this.threshold = share * 2 ** 32
    this.newest = Math.min(this.near.length, followed * shareOfNewest)
    this.onDrop = onDrop
  }

  get share(): number {
    return this.threshold / 2 ** 32
  }

  /** Whether the id with this hash is followed. Mixes the hash, because memory may sample by the unmixed hash. */
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

  /** Records the first read of an id. A full sample is halved first, and may then no longer include the id. */
  begin(sample: A): A {
    while (this.samples.size >= mostSamples) this.halve()
    if (!this.isFollowed(sample.hash)) return sample
    this.unknown++
    this.samples.set(sample.hash, sample)
    this.append(sample)
    return sample
  }

  /** Forgets an expired or invalidated id, whose next read misses at every capacity. */
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
    // The expected reads that were not counted are mostly reads of popular ids, so they count as hits (SHARDS-adj).
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

/** The largest distance in a bucket, which is the capacity at which all reads in the bucket hit. */
const lastOf = (bucket: number): number => Math.max(1, Math.ceil(2 ** ((bucket + 1) / bucketsOfDoubling)) - 1)
