/** The parts of the layers over Redis: one module, which platforms without Node do not have. */
export { storeError } from "./fault.ts"
export { guardsOver } from "./guards.ts"
export { lockOver } from "./locks.ts"
export { open } from "./open.ts"
export { storeOver } from "./store/store.ts"
