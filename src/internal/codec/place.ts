/** The position of a fault in a value, as errors show it. */

/** More steps would flood a log. */
const maxSteps = 16

/** ` at [a][0]`, or nothing for the value itself. */
export const placeOf = (path: ReadonlyArray<PropertyKey>): string => {
  if (path.length === 0) return ""
  const shown = path.slice(0, maxSteps).map((step) => `[${showStep(step)}]`).join("")
  return ` at ${shown}${path.length > maxSteps ? "…" : ""}`
}

/** A step of the path, if it looks like code. The keys of a dictionary may be private data. */
const showStep = (step: PropertyKey): string =>
  typeof step === "number" || /^[A-Za-z_$]\w{0,31}$/.test(String(step)) ? String(step) : "?"
