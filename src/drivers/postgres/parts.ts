/** A single module with everything that the layer over PostgreSQL needs. Platforms without Node can replace it. */
export { openAt } from "./client.ts"
export { openedOver } from "./opened.ts"
