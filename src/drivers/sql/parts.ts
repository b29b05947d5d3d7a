/** A single module with everything that the layers over SQL databases need. Platforms without Node can replace it. */
export { guardsOver } from "./guards.ts"
export { lockOver } from "./locks.ts"
export { openedOver, openStore } from "./stores.ts"
