/** Formats the path to an invalid part of a value, for error messages. */

/** The maximum number of path steps that are shown. A longer path would flood the log. */
const maxSteps = 16

/** Returns ` at [a][0]`, for example, or an empty string if the path is empty. */
export const placeOf = (path: ReadonlyArray<PropertyKey>): string => {
  if (path.length === 0) return ""
  const shown = path.slice(0, maxSteps).map((step) => `[${showStep(step)}]`).join("")
  return ` at ${shown}${path.length > maxSteps ? "…" : ""}`
}

/** Shows a step only if it is an index or looks like an identifier. Any other step may be a private dictionary key. */
const showStep = (step: PropertyKey): string =>
  typeof step === "number" || /^[A-Za-z_$]\w{0,31}$/.test(String(step)) ? String(step) : "?"
