/** What the layers over Redis are made of: one module, which platforms without Node do not have. */
export { storeError } from "./fault.ts"
export { guardsOver } from "./guards/guards.ts"
export { lockOver } from "./locks.ts"
export { open } from "./open.ts"
export { storeOver } from "./store/operations.ts"
