/** Wrong options of a layer. */
import { CacheLayer } from "effect-cached"

CacheLayer.memory({ capacitty: 10 })
CacheLayer.memory({ ttl: "1 hour" })
CacheLayer.disk({})
