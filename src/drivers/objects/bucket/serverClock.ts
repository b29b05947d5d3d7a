/**
 * Compares the clock of the server with that of this machine. The header `Date` has whole seconds, so each reply only
 * bounds the difference; together they bound it closely. A difference that may be none counts as none.
 */
export interface ServerClock {
  /** Notes a reply with this `Date`. All times are in epoch milliseconds. */
  readonly note: (date: number, sentAt: number, receivedAt: number) => void
  /** How far the server is ahead. */
  readonly aheadMillis: () => number
}

export const make = (): ServerClock => {
  let least = -Infinity
  let most = Infinity
  return {
    note(date, sentAt, receivedAt) {
      const from = date - receivedAt
      const to = date + 1000 - sentAt
      // If a clock was set, or has drifted, former bounds exclude the new ones.
      const excludes = from > most || to < least
      least = excludes ? from : Math.max(least, from)
      most = excludes ? to : Math.min(most, to)
    },
    aheadMillis: () => Math.round(least > 0 && least < Infinity ? least : most < 0 && most > -Infinity ? most : 0)
  }
}
