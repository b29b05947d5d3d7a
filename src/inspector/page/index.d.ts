/** The page as the build writes it. */
export declare const html: string
/** The Content-Security-Policy of the page. */
export declare const policy: string
