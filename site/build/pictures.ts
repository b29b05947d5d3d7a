/** The pictures that a reader can turn. */
import { scenarios } from "../../test/docs/pictures/scenarios.ts"

export const settingsOf = (name: string) => scenarios.find(({ file }) => file === name)
