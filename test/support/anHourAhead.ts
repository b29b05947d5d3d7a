/** Starts a program whose clock is ahead; durations are as everywhere (`faketime`, of the library of that name). */
export const minutesAhead = (minutes: number): ReadonlyArray<string> => [
  "faketime",
  "--exclude-monotonic",
  "-f",
  `+${minutes}m`
]

export const anHourAhead = minutesAhead(60)
