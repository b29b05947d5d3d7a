/** A set of up to a million ids. It consists of small sets, because V8 copies a growing `Set` in one blocking step. */

/** The size of the largest `Set` that V8 copies within a few milliseconds. */
const most = 65_536

export class IdSet {
  private readonly parts: Array<Set<string>> = []

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
