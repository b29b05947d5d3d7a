/** Mutants that no test can find, because the program does the same with them. */
export const equal: ReadonlyArray<{ readonly reason: string; readonly mutants: ReadonlyArray<string> }> = [
  {
    reason: "Without the shortcut, `decide` is asked, or is given the time and the dice, and answers the same.",
    mutants: [
      "src/internal/strategy/kind.ts kind: true => false",
      "src/internal/strategy/kind.ts kind: true => false (2)",
      "src/internal/strategy/make.ts make: { value: kind.servesFresh } => {}"
    ]
  },
  {
    reason: "The name of a private property, which is still unlike all others.",
    mutants: [
      `src/internal/strategy/make.ts servesFresh: "~servesFresh" => ""`,
      `src/internal/strategy/make.ts fallsBack: "~fallsBack" => ""`,
      `src/internal/strategy/make.ts constant: "~constant" => ""`
    ]
  },
  {
    reason: "Nothing compares this verdict, so its name is free.",
    mutants: [
      `src/internal/engine/request/answers.ts verdictOf: "Refused" => ""`,
      `src/internal/engine/request/answers.ts verdictOf: "Refused" => "" (2)`
    ]
  },
  {
    reason: "Looking in an empty table finds nothing, only later.",
    mutants: [
      "src/internal/engine/request/answers.ts isAnswered: answered.size > 0 => true",
      "src/internal/engine/request/answers.ts isAnswered: answered.size > 0 => answered.size >= 0"
    ]
  },
  {
    reason: "The context of a reader is extracted again, instead of once a turn.",
    mutants: [
      "src/internal/engine/request/context.ts readContextOf: last !== undefined && last.context === fiber.context => false",
      "src/internal/engine/request/context.ts renew: self.isPrivate => true"
    ]
  }
]
