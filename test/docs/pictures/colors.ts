/** Colors of pictures, for light and for dark pages (after Okabe and Ito). */

interface Scheme {
  readonly page: string
  readonly text: string
  readonly line: string
  readonly good: string
  readonly stale: string
  readonly bad: string
  readonly other: string
}

/** For light pages. */
export const light: Scheme = {
  page: "#ffffff",
  text: "#1f2328",
  line: "#d0d7de",
  good: "#0072b2",
  stale: "#e69f00",
  bad: "#c03c00",
  other: "#8c959f"
}
/** For dark pages. */
export const dark: Scheme = {
  page: "#0d1117",
  text: "#e6edf3",
  line: "#3d444d",
  good: "#56b4e9",
  stale: "#f0c050",
  bad: "#ff8a5c",
  other: "#656c76"
}

export const styleOf = ({ line, page, text, ...fills }: Scheme): string =>
  [
    `.page{fill:${page}}text{fill:${text}}.on{fill:${page}}.axis{stroke:${line}}`,
    ...Object.entries(fills).map(([name, color]) => `.${name}{fill:${color}}.${name}-line{stroke:${color}}`)
  ].join("")

/** The shapes and texts of both schemes. */
export const shapes =
  "text{font:13px system-ui,sans-serif}.label{font-weight:600}.axis,.good-line,.stale-line,.bad-line{fill:none;stroke-width:2}"
  + ".axis{stroke-width:1}"

export const colors = `${shapes}${styleOf(light)}@media (prefers-color-scheme:dark){${styleOf(dark)}}`

/** A picture for a page that has the colors and the background. */
export const withoutColors = (svg: string): string =>
  svg.replace(/<style>.*?<\/style>\n/s, "").replace(/<rect class="page"[^>]*\/>\n/, "").trim()
