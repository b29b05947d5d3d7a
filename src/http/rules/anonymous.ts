/** Which fields of a request cannot name a user. A response that does not say for whom it is depends on no others. */
import { type Fields, listOf } from "./fields.ts"

/** The fields by what they are about. They have exact names; a name that ends with `*` is a family. */
const lists = {
  "content negotiation": `accept accept-*`,
  "caches, conditions and ranges": `
    cache-control pragma clear-site-data if-match if-modified-since if-none-match if-range if-unmodified-since range`,
  "the program and the device": `
    user-agent sec-ch-* device-memory downlink dpr ect rtt save-data viewport-width width x-requested-with`,
  "where a request comes from": `
    origin referer sec-fetch-* access-control-request-headers access-control-request-method
    access-control-request-private-network dnt sec-gpc purpose sec-purpose x-moz x-purpose service-worker
    service-worker-navigation-preload upgrade-insecure-requests`,
  "the connection": `
    alt-used connection date expect host http2-settings keep-alive max-forwards priority proxy-connection te trailer
    transfer-encoding upgrade :authority :method :path :scheme`,
  "a body, which no cached request has": `content-length content-type`,
  "traces": `
    traceparent tracestate b3 x-b3-* request-id x-request-id x-correlation-id x-trace-id x-amzn-trace-id
    x-cloud-trace-context x-datadog-origin x-datadog-parent-id x-datadog-sampling-priority x-datadog-trace-id
    sentry-trace uber-trace-id x-request-start`,
  "addresses and ids of proxies": `
    via x-forwarded-for x-real-ip x-client-ip x-cluster-client-ip true-client-ip cdn-loop x-original-forwarded-for
    x-envoy-external-address x-envoy-expected-rq-timeout-ms x-varnish`,
  Cloudflare: `
    cf-connecting-ip cf-connecting-ipv6 cf-connecting-o2o cf-ew-via cf-ipcity cf-ipcontinent cf-ipcountry
    cf-iplatitude cf-iplongitude cf-metro-code cf-postal-code cf-pseudo-ipv4 cf-ray cf-region cf-region-code
    cf-timezone cf-warp-tag-id cf-worker`,
  "CloudFront and other CDNs": `
    x-amz-cf-id cloudfront-is-android-viewer cloudfront-is-desktop-viewer cloudfront-is-ios-viewer
    cloudfront-is-mobile-viewer cloudfront-is-smarttv-viewer cloudfront-is-tablet-viewer cloudfront-viewer-address
    cloudfront-viewer-asn cloudfront-viewer-city cloudfront-viewer-country cloudfront-viewer-country-name
    cloudfront-viewer-country-region cloudfront-viewer-http-version cloudfront-viewer-country-region-name
    cloudfront-viewer-header-order cloudfront-viewer-latitude cloudfront-viewer-header-count
    cloudfront-viewer-longitude cloudfront-viewer-metro-code cloudfront-viewer-ja3-fingerprint
    cloudfront-viewer-ja4-fingerprint cloudfront-viewer-postal-code cloudfront-viewer-time-zone
    cloudfront-viewer-tls fastly-client-ip fastly-ff fly-client-ip fly-region fly-request-id x-azure-clientip
    x-azure-ref x-azure-socketip x-fd-healthprobe x-vercel-id x-vercel-ip-city x-vercel-ip-country
    x-vercel-ip-country-region x-nf-request-id`
}

export const anonymousFields: { readonly [about: string]: ReadonlyArray<string> } = Object.fromEntries(
  Object.entries(lists).map(([about, names]) => [about, names.trim().split(/\s+/)])
)

/** The credentials that no program may declare harmless (RFC 9110, section 11; RFC 6265). */
export const credentials: ReadonlyArray<string> = ["authorization", "proxy-authorization", "cookie"]

const all: ReadonlyArray<string> = Object.values(anonymousFields).flat()

const families = all.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1))

const isOfFamily = (name: string): boolean => families.some((family) => name.startsWith(family))

/** The names of the list, those that a program has added, and the members of families that were seen. */
export const harmlessWith = (more: ReadonlyArray<string>): Set<string> =>
  new Set([...all, ...more.map((name) => name.toLowerCase())])

/** How many names of families are remembered. */
const mostSeen = 1000

/** Whether a field cannot name a user. */
export const isHarmless = (name: string, harmless: Set<string>): boolean => {
  if (harmless.has(name)) return true
  if (!isOfFamily(name)) return false
  if (harmless.size < mostSeen) harmless.add(name)
  return true
}

/** The first field by which a request could name its user. `excused`: the names in the `Vary` of the response. */
export const personalBy = (
  request: Fields,
  excused: ReadonlyArray<string>,
  harmless: Set<string>
): string | undefined => {
  for (const name in request) {
    if (harmless.has(name) || request[name] === undefined || isHarmless(name, harmless)) continue
    if (name === "authorization" || name === "proxy-authorization" || !excused.includes(name)) return name
  }
  return undefined
}

/** The names of `Vary`, in lower case. */
export const namesOf = (vary: string | undefined): ReadonlyArray<string> =>
  vary === undefined ? none : Array.from(new Set(listOf(vary).map((name) => name.toLowerCase()))).toSorted()

const none: ReadonlyArray<string> = []
