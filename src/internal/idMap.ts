/** A map by id whose steps stay short: V8 copies a `Map` that grows in one step, which takes long if it is large. */
const idsOfPart = 65_536

/** Keeps the values in the order in which their ids were added. Many ids are divided among several `Map`s. */
export class IdMap<A> {
  private readonly parts: ReadonlyArray<Map<string, number>>
  private readonly list: Array<A | undefined> = []
  size = 0

  /** `most` is the greatest number of ids. */
  constructor(most: number) {
    this.parts = Array.from({ length: Math.ceil(most / idsOfPart) || 1 }, () => new Map())
  }

  get(id: string): A | undefined {
    const place = this.partOf(id).get(id)
    return place === undefined ? undefined : this.list[place]
  }

  set(id: string, value: A): void {
    const part = this.partOf(id)
    const place = part.get(id)
    if (place !== undefined) this.list[place] = value
    else {
      part.set(id, this.list.length)
      this.list.push(value)
      this.size++
    }
  }

  /** Adds a value, unless the id has one already. Returns the value that the id has then. */
  add(id: string, value: A): A {
    const part = this.partOf(id)
    const place = part.get(id)
    if (place !== undefined) return this.list[place]!
    part.set(id, this.list.length)
    this.list.push(value)
    this.size++
    return value
  }

  delete(id: string): void {
    const part = this.partOf(id)
    const place = part.get(id)
    if (place === undefined) return
    part.delete(id)
    this.list[place] = undefined
    this.size--
  }

  values(): ReadonlyArray<A> {
    const { list, size } = this
    return (size === list.length ? list : list.filter((value) => value !== undefined)) as ReadonlyArray<A>
  }

  private partOf(id: string): Map<string, number> {
    const { parts } = this
    if (parts.length === 1) return parts[0]!
    // The ends of ids differ most, but may also be a constant field.
    const { length } = id
    const from = Math.max(0, length - 8)
    const step = Math.max(1, from >> 3)
    let hash = length
    for (let i = from % step; i < from; i += step) hash = Math.imul(hash ^ id.charCodeAt(i), 16_777_619)
    for (let i = from; i < length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 16_777_619)
    return parts[(hash >>> 0) % parts.length]!
  }
}
