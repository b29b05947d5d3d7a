/** The page of an inspector, which the build makes of the files in `page/`: one file of HTML. */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { refused } from "./guard.ts"

/** Loaded when somebody looks, because it is larger than all other code of the inspector. */
export const page: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.promise(() =>
  import("#inspector/page").then(
    ({ html, policy }: { readonly html: string; readonly policy: string }) =>
      HttpServerResponse.text(html, {
        contentType: "text/html; charset=utf-8",
        headers: { "content-security-policy": policy }
      }),
    () => refused(503, "The page is not built: run npm run build")
  )
)
