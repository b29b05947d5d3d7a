/** Values of every kind in the place of a key on a Redis server. */

const put = (...command: ReadonlyArray<string>) => (key: string) => [command[0]!, key, ...command.slice(1)]

export const damages = {
  "an empty text": put("SET", ""),
  "a text": put("SET", "oops"),
  "a note of many failures": put("SET", "99 oops"),
  "a number of another range": put("SET", "9007199254740991"),
  "a list": put("RPUSH", "oops"),
  "a set": put("SADD", "oops"),
  "a hash": put("HSET", "oops", "oops"),
  "a hash with our fields": put(
    "HSET",
    ...["g", "o", "u", "m", "j", "c", "b", "t", "n", "p", "x"].flatMap((field) => [field, "oops"])
  ),
  "a hash of endless numbers": put(
    "HSET",
    ...["g", "o", "u", "m", "j"].flatMap((field) => [field, "inf"])
  ),
  "a sorted set": put("ZADD", "1", "oops"),
  "a stream": put("XADD", "*", "oops", "oops")
}

export type Damage = keyof typeof damages

/** The command that replaces a key, in one step. The key ends after so many milliseconds, or never after none. */
export const damaging = (key: string, by: Damage, endsAfter: number): ReadonlyArray<string> => [
  ...[
    "EVAL",
    `redis.call("UNLINK", KEYS[1]) redis.call(unpack(ARGV, 2))
if ARGV[1] ~= "0" then redis.call("PEXPIRE", KEYS[1], ARGV[1]) end`
  ],
  ...["1", key, String(endsAfter), ...damages[by](key)]
]
