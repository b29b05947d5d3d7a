/** A single module with everything that the layer over PostgreSQL needs. Platforms without Node can replace it. */
export { openedOver } from "../sql/stores.ts"
export { openAt } from "./client.ts"
