/** The answer of a rate limit to one call. */

export interface Admission {
  readonly isAdmitted: boolean
  readonly remaining: number
  readonly retryAfterMillis: number
}

export const admitted = (remaining: number): Admission => ({ isAdmitted: true, remaining, retryAfterMillis: 0 })

export const rejected = (retryAfterMillis: number): Admission => ({ isAdmitted: false, remaining: 0, retryAfterMillis })

export const isAdmission = (answer: unknown): answer is Admission =>
  typeof answer === "object" && answer !== null && typeof (answer as Partial<Admission>).isAdmitted === "boolean" &&
  Number.isFinite((answer as Partial<Admission>).retryAfterMillis)
