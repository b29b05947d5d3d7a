/** What the layers over Redis are made of: one module, which platforms without Node do not have. */
export { storeError } from "./redisFault.ts"
export { guardsOver } from "./redisGuards.ts"
export { lockOver } from "./redisLocks.ts"
export { open } from "./redisOpen.ts"
export { storeOver } from "./redisOperations.ts"
