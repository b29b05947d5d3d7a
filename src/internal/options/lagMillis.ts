/** An option of `Cached.stream` for HTTP alone: how long a consumer that has fallen behind may delay the others. */
export const lagMillis: unique symbol = Symbol("effect-cached/lagMillis")
