/** Exports everything that the layers over Redis need from one module, which platforms without Node can replace. */
export { storeError } from "./fault.ts"
export { guardsOver } from "./guards.ts"
export { lockOver } from "./locks.ts"
export { open } from "./open.ts"
export { storeOver } from "./store/store.ts"
