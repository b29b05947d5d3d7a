/** Colors a program while it is changed: words, texts, numbers and comments. */

const token =
  /(?<comment>\/\/.*|\/\*[^]*?\*\/)|(?<text>"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|`(?:[^`\\]|\\.)*`?)|(?<number>\b\d[\w.]*)|(?<word>\b(?:as|async|await|class|const|else|export|extends|false|for|from|function|if|import|in|interface|let|new|null|of|readonly|return|static|switch|this|throw|true|try|catch|type|typeof|undefined|void|while|yield)\b\*?)|(?<call>\b[a-z]\w*(?=[(<]))/g

const escape = (code: string): string => code.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** The program as HTML. */
export const highlight = (code: string): string => {
  let html = ""
  let at = 0
  for (const match of code.matchAll(token)) {
    const [kind] = Object.entries(match.groups!).find(([, found]) => found !== undefined)!
    html += `${escape(code.slice(at, match.index))}<span class="${kind}">${escape(match[0])}</span>`
    at = match.index + match[0].length
  }
  return html + escape(code.slice(at))
}
