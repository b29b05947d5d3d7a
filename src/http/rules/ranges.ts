/** Single ranges out of a complete response (RFC 9110, section 14; RFC 9111, section 3.3). */
import { dateOf, etagOf, type Fields, isStrong } from "./fields.ts"

/** Bytes from `start` to before `end`; `"unsatisfiable"`; or `undefined` if the whole response answers the request. */
type Range = { readonly start: number; readonly end: number } | "unsatisfiable" | undefined

/** The range that a request asks for. Several ranges, and units other than bytes, get the whole response. */
export const rangeOf = (value: string, length: number): Range => {
  const [, first = "", last = ""] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(value) ?? []
  if (first === "" && last === "") return undefined
  if (first === "") {
    return Number(last) === 0 || length === 0
      ? "unsatisfiable"
      : { start: Math.max(0, length - Number(last)), end: length }
  }
  const start = Number(first)
  const end = last === "" ? length : Math.min(length, Number(last) + 1)
  if (last !== "" && Number(last) < start) return undefined
  return start >= length ? "unsatisfiable" : { start, end }
}

/** Whether a range of the stored response may be served, in view of `If-Range` (RFC 9110, section 13.1.5). */
export const isOfSameVersion = (ifRange: string | undefined, stored: Fields): boolean => {
  if (ifRange === undefined) return true
  const etag = etagOf(ifRange)
  if (etag !== undefined) return isStrong(etag) && etag === stored["etag"]
  return dateOf(ifRange, 0) !== undefined && ifRange === stored["last-modified"]
}
