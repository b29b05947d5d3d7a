/** The number of the floor that a file of `src` stands on, `-1` where it stands on none. */
export declare const floorOf: (file: string) => number
