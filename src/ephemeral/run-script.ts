import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

type Arguments = Readonly<{ keys: readonly string[]; values: readonly (string | number)[] }>

const digests = new Map<string, string>()

/** Digests are cached without a bound, because the scripts are a few constants. */
const digestOf = (script: string): string => {
  const digest = digests.get(script) ?? createHash('sha1').update(script).digest('hex')
  digests.set(script, digest)
  return digest
}

/** Redis, "Scripting" – Sends the digest of the script, then the whole script if the server has not cached it. */
export const runScript = async (
  client: Redis,
  script: string,
  { keys, values }: Arguments,
): Promise<unknown> => {
  try {
    return await client.evalsha(digestOf(script), keys.length, ...keys, ...values)
  } catch (error) {
    if (!String(error).includes('NOSCRIPT')) throw error
    return client.eval(script, keys.length, ...keys, ...values)
  }
}
