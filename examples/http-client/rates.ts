/** An API whose annotations say what its client caches, whatever the headers of the origin say. */
import { Schema } from "effect"
import { HttpCache } from "effect-cached/http"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"

const get = HttpApiEndpoint.get("get", "/rates", { success: Schema.Struct({ euro: Schema.Finite }) }).pipe(
  HttpCache.annotate({ strategy: { ttl: "1 minute" }, shared: true })
)
const put = HttpApiEndpoint.put("put", "/rates").pipe(
  HttpCache.annotate({ invalidates: () => [HttpCache.tag(get)] })
)

export const api = HttpApi.make("origin").add(HttpApiGroup.make("rates").add(get, put))
