/**
 * Starts a program whose clock is an hour ahead; durations are as everywhere (`faketime`, of the library of that name).
 */
export const anHourAhead: ReadonlyArray<string> = ["faketime", "--exclude-monotonic", "-f", "+1h"]
