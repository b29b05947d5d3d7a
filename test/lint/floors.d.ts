/** The number of the floor that a file of `src` stands on, `-1` where it stands on none. */
export declare const floorOf: (file: string) => number

/** The floors, from the bottom: `3 (engine)`. */
export declare const floors: ReadonlyArray<{ readonly name: string }>

/** The rooms of the engine, from the bottom. Those of one line do not know each other. */
export declare const rooms: ReadonlyArray<ReadonlyArray<string>>
