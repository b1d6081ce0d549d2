import { readFileSync } from 'node:fs'

const LINES = {
  signet: /^ACL SETUSER signet on >… ~\S+ (.*)$/m,
  sentinel: /^ACL SETUSER signet on >… (\+sentinel.*)$/m,
}

/** The rights that docs/redis.md grants the user of Redis, or that of the Sentinels, such as `+get`. */
export const redisRights = (user: keyof typeof LINES): readonly string[] => {
  const [, rights] = LINES[user].exec(readFileSync('docs/redis.md', 'utf8')) ?? []
  if (rights === undefined) throw new Error('docs/redis.md grants no rights')
  return rights.split(' ')
}
