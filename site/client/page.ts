/** What each page loads: it offers to turn pictures and to run programs, and loads what does so on the first touch. */
export {}
