/** The numbers of `increment` inside one process. */
interface Counted {
  value: number
  readonly expiresAt: number
}

export interface Numbers {
  readonly increment: (name: string, by: number, now: number, expiresAt: number | undefined) => number
  readonly size: () => number
}

const sweepFloor = 1024

export const make = (): Numbers => {
  const numbers = new Map<string, Counted>()
  let sweepAt = sweepFloor

  const sweep = (now: number) => {
    for (const [name, counted] of numbers) if (counted.expiresAt <= now) numbers.delete(name)
    sweepAt = Math.max(sweepFloor, numbers.size * 2)
  }

  return {
    increment(name, by, now, expiresAt = Infinity) {
      const counted = numbers.get(name)
      if (counted !== undefined && counted.expiresAt > now) return counted.value += by
      if (numbers.size >= sweepAt) sweep(now)
      numbers.set(name, { value: by, expiresAt })
      return by
    },
    size: () => numbers.size
  }
}
