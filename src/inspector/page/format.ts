/** How the page writes numbers, times and names. */
export const number = (count: number): string =>
  count >= 1e9
    ? `${(count / 1e9).toFixed(1)} G`
    : count >= 1e7
    ? `${(count / 1e6).toFixed(1)} M`
    : Math.round(count).toLocaleString("en")

/** With a decimal if it is small. */
export const rate = (count: number): string => count > 0 && count < 10 ? count.toFixed(1) : number(count)

export const percent = (share: number): string =>
  Number.isFinite(share) ? `${(100 * share).toFixed(share > 0.995 && share < 1 ? 2 : 1).replace(/\.0+$/, "")} %` : "–"

const units = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "m"], [1000, "s"]] as const

/** A length of time in its two largest units. */
export const duration = (millis: number): string => {
  if (millis < 1000) return `${millis < 10 ? Number(millis.toFixed(1)) : Math.round(millis)} ms`
  if (millis < 10_000) return `${Number((millis / 1000).toFixed(1))} s`
  const at = units.findIndex(([unit]) => millis >= unit)
  return units.slice(at, at + 2).map(([unit, name], i) => {
    const count = Math.floor((i === 0 ? millis : millis % units[at]![0]) / unit)
    return i > 0 && count === 0 ? "" : `${count} ${name}`
  }).join(" ").trim()
}

const two = (count: number): string => String(count).padStart(2, "0")

export const clock = (at: number, withSeconds = true): string => {
  const date = new Date(at)
  return `${two(date.getHours())}:${two(date.getMinutes())}${withSeconds ? `:${two(date.getSeconds())}` : ""}`
}

/** Shows characters that have no shape, or change the direction of the text, as their code. */
export const visible = (name: string): string =>
  name.replaceAll(/\p{C}|[\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)

export const plural = (count: number, one: string, more = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : more}`
