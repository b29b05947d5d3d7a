/** The requests and responses of two users, and which of these nginx and Varnish share. */

/** The field in which a request names its user. */
export const requests = {
  anonymous: undefined,
  "`Authorization`": "authorization",
  "a cookie": "cookie",
  "an API key": "x-api-key",
  "another field": "x-anything",
  "the same API key": "x-api-key"
} as const
export type Kind = keyof typeof requests

export interface Told {
  readonly control?: string
  readonly cookie?: "cookie" | "field"
  readonly vary?: boolean
}

export const responses: Readonly<Record<string, Told>> = {
  nothing: {},
  "`max-age`": { control: "max-age=60" },
  "`public`": { control: "public, max-age=60" },
  "`private`": { control: "private, max-age=60" },
  "`no-store`": { control: "no-store" },
  "`no-cache=\"set-cookie\"`": { control: "max-age=60, no-cache=\"set-cookie\"", cookie: "field" },
  "a cookie": { control: "max-age=60", cookie: "cookie" },
  "a cookie as a field": { control: "max-age=60", cookie: "field" },
  "`Vary`": { control: "max-age=60", vary: true }
}

interface Proxy {
  /** Whether it passes requests of a kind without a look at their responses. */
  readonly passes: (kind: Kind) => boolean
}

export const proxies = {
  nginx: { passes: () => false },
  varnish: { passes: (kind) => ["`Authorization`", "a cookie"].includes(kind) }
} satisfies Record<string, Proxy> as Record<"nginx" | "varnish", Proxy>

/** Whether the second user of a proxy may see what was made for the first. Neither stores what sets a cookie. */
export const sharedBy = (
  proxy: keyof typeof proxies,
  kind: Kind,
  { control = "", cookie, vary = false }: Told
): boolean =>
  /^(public, )?max-age/.test(control) && cookie === undefined && !proxies[proxy].passes(kind) &&
  (!vary || kind === "anonymous" || kind === "the same API key")
