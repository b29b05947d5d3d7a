/** Required tests that this cache does not pass, by what they ask. A test that passes does not stand here. */

/** The package 0.4.5 asks otherwise than RFC 9111 and later versions of the suite, which pass. */
const ofPackage: { readonly [reason: string]: ReadonlyArray<string> } = {
  "RFC 9111, section 5.1: the first member of `Age` counts, and an invalid one is ignored. Asks to treat it as old.": [
    ...["age-parse-nonnumeric", "age-parse-negative", "age-parse-float", "age-parse-parameter"],
    ...["age-parse-numeric-parameter", "age-parse-prefix-twoline", "age-parse-dup-0", "age-parse-dup-0-twoline"],
    "age-parse-dup-old"
  ],
  "Closes the connection and asks for an answer of the origin all the same, where section 5.2.2.2 asks for an error.": [
    ...["stale-close-must-revalidate", "stale-close-proxy-revalidate", "stale-close-no-cache"],
    "stale-close-s-maxage=2"
  ],
  "Section 4.3.4: a 304 with another strong ETag confirms nothing. Asks to use it.": ["304-etag-update-response-ETag"]
}

/** The required tests of the pinned package that do not pass. */
export const inPackage: ReadonlyArray<string> = Object.values(ofPackage).flat().toSorted()

/** Those of a checkout of the suite: the client of Effect shows no interim responses. */
export const inCheckout: ReadonlyArray<string> = ["interim-not-cached"]

/**
 * Optimal tests that ask for what the rule about anonymous requests forbids: a response with `max-age` for requests
 * with different cookies, and one with `must-revalidate` for a request with `Authorization`.
 */
export const byRule: ReadonlyArray<string> = ["other-authorization-must-revalidate", "other-cookie"]
