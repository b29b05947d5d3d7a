/** Opens PostgreSQL for the layer with a URL. */
export { openAt } from "./client.ts"
