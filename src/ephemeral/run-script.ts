import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

type Arguments = Readonly<{ keys: readonly string[]; values: readonly (string | number)[] }>

const digests = new Map<string, string>()

/** Kept for good: the scripts are constants, so that there are only a few. */
const digestOf = (script: string): string => {
  const digest = digests.get(script) ?? createHash('sha1').update(script).digest('hex')
  digests.set(script, digest)
  return digest
}

/** Redis, "Scripting" – Sends the digest of the script, and the whole script where this server does not have it yet. */
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
