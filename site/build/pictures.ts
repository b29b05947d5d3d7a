/** The pictures of the documentation, in the scheme that the reader has chosen. */
import { dark, light, shapes, styleOf } from "../../test/docs/pictures/colors.ts"
import { scenarios } from "../../test/docs/pictures/scenarios.ts"

/** Whether a reader can turn a picture, by the name of its file. */
export const turns = (name: string): boolean => scenarios.some(({ file }) => file === name)

export const stylesheet = `.picture{${shapes}${styleOf(light)}}:root[data-theme="dark"] .picture{${styleOf(dark)}}\n`
