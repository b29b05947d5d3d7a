/**
 * Modules of Node.js, Bun and Deno. They are not imported, because a bundle for browsers cannot contain them, and a
 * dynamic import would make `encode` and `decode` asynchronous.
 */
interface Hash {
  readonly update: (bytes: Uint8Array) => unknown
  readonly digest: () => Uint8Array
}

interface Cipher {
  readonly setAAD: (associated: Uint8Array) => unknown
  readonly update: (bytes: Uint8Array) => Uint8Array
  readonly final: () => unknown
}

export type Secret = { readonly type: "secret" }

export interface Crypto {
  readonly createSecretKey: (key: Uint8Array) => Secret
  readonly createHmac: (algorithm: string, key: Secret) => Hash
  readonly getCiphers: () => ReadonlyArray<string>
  readonly createCipheriv: (
    algorithm: string,
    key: Secret,
    nonce: Uint8Array,
    options?: { readonly authTagLength: number }
  ) => Cipher & { readonly getAuthTag: () => Uint8Array }
  readonly createDecipheriv: (
    algorithm: string,
    key: Secret,
    nonce: Uint8Array,
    options: { readonly authTagLength: number }
  ) => Cipher & { readonly setAuthTag: (tag: Uint8Array) => unknown }
}

export interface ZlibOptions {
  readonly maxOutputLength?: number
  readonly chunkSize?: number
  readonly params?: { readonly [parameter: number]: number }
}

type Now = (bytes: Uint8Array, options: ZlibOptions) => Uint8Array
type Later = (bytes: Uint8Array, options: ZlibOptions, done: (error: Error | null, bytes: Uint8Array) => void) => void

export interface Zipper {
  readonly now: Now
  readonly later: Later
}

export interface Zlib {
  readonly constants: {
    readonly BROTLI_PARAM_LGWIN: number
    readonly BROTLI_PARAM_QUALITY: number
    readonly ZSTD_c_checksumFlag: number
  }
  readonly gzip: Later
  readonly gzipSync: Now
  readonly gunzip: Later
  readonly gunzipSync: Now
  readonly brotliCompress: Later
  readonly brotliCompressSync: Now
  readonly brotliDecompress: Later
  readonly brotliDecompressSync: Now
  readonly zstdCompress?: Later
  readonly zstdCompressSync: Now
  readonly zstdDecompress: Later
  readonly zstdDecompressSync: Now
}

interface Builtins {
  readonly "node:crypto": Crypto
  readonly "node:zlib": Zlib
}

interface Process {
  readonly getBuiltinModule?: (<Name extends keyof Builtins>(name: Name) => Builtins[Name] | undefined) | undefined
}

export const builtin = <Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined =>
  (globalThis as unknown as { readonly process?: Process }).process?.getBuiltinModule?.(name)
