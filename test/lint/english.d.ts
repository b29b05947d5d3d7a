/** Types of `english.js`. */
export declare const complaintsOf: (text: string, options: { readonly isComment: boolean }) => ReadonlyArray<string>
