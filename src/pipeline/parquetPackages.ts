/** The packages for Parquet, apart from what declarations refer to: they need not be installed. */
import { PipelineError } from "./PipelineError.ts"

/** Loads the packages for Parquet, which are optional. */
export const parquetPackages = async (file: string) => {
  // Bundlers leave out a missing package whose import is in `try`: it is optional.
  try {
    return await Promise.all([import("hyparquet"), import("hyparquet-writer")])
  } catch (cause) {
    const problem = "the packages for Parquet are missing: run npm install hyparquet hyparquet-writer"
    throw new PipelineError({ file, reason: "Unavailable", problem, cause })
  }
}
