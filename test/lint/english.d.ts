/** Types of `english.js` for `test/docs/english.test.ts`. */
export declare const complaintsOf: (text: string, options: { readonly isComment: boolean }) => ReadonlyArray<string>
