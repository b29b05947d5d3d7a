/** The names of the options of a key class. A cached function that makes its class takes them too. */
export const optionsOfClass = ["payload", "success", "error", "ignore", "indexes", "version", "tags", "id"]
