/** A single module with everything that the layer over SQL databases needs. Platforms without Node can replace it. */
export { openStore } from "./stores.ts"
