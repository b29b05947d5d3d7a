/** Opens PostgreSQL for the layer with a URL. Only this module imports the package `@effect/sql-pg` for a layer. */
export { openAt } from "./client.ts"
