/** Lists the dependencies of a derived entry (`inherit: "changes"`), for inspection. */
import { isInherited, ofGroup, ofId } from "./idTags.ts"

/** Returns the ids and groups (as `group:*`) that an entry depends on, or an empty object if there are none. */
export const dependsOnOf = (tags: ReadonlyArray<string> = []): { readonly dependsOn?: ReadonlyArray<string> } => {
  if (!tags.some(isInherited)) return {}
  return {
    dependsOn: tags.flatMap((tag) =>
      tag.startsWith(ofId) ? [tag.slice(2)] : tag.startsWith(ofGroup) ? [`${tag.slice(2)}:*`] : []
    )
  }
}
