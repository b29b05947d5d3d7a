/** Explains why an optional package cannot be imported. */
export const packageError = (name: string, error: unknown): unknown =>
  // Bundlers that have left a missing package out give other codes than Node.
  String((error as { readonly code?: unknown } | undefined)?.code).endsWith("MODULE_NOT_FOUND")
    ? Object.assign(new Error(`the package "${name}" is missing: npm install ${name}`, { cause: error }), {
      name: "MissingPackage"
    })
    : error
