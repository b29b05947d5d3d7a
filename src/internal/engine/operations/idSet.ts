/** A set of up to a million ids, made of many small ones: V8 copies a `Set` in one step when it grows. */

/** The largest size that V8 copies in a few milliseconds. */
const most = 65_536

export class IdSet {
  private readonly parts: Array<Set<string>> = []

  /** The id must not be in the set. */
  add(id: string): void {
    let last = this.parts.at(-1)
    if (last === undefined || last.size === most) this.parts.push(last = new Set())
    last.add(id)
  }

  delete(id: string): void {
    this.parts.some((part) => part.delete(id))
  }

  *[Symbol.iterator](): Generator<string> {
    for (const part of this.parts) yield* part
  }
}
