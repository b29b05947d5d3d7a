/** The sources of a derived entry (`inherit: "changes"`), for inspection. */
import { isInherited, ofGroup, ofId } from "./idTags.ts"

/** The ids, and the groups with `:*` behind them, that tags stand for: nothing where they stand for none. */
export const dependsOnOf = (tags: ReadonlyArray<string> = []): { readonly dependsOn?: ReadonlyArray<string> } => {
  if (!tags.some(isInherited)) return {}
  return {
    dependsOn: tags.flatMap((tag) =>
      tag.startsWith(ofId) ? [tag.slice(2)] : tag.startsWith(ofGroup) ? [`${tag.slice(2)}:*`] : []
    )
  }
}
