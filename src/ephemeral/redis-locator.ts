import { Redis, type RedisOptions } from 'ioredis'
import type { RedisAddress, RedisTarget } from '../domain/base/redis-url.ts'
import { RedisMisnamed } from './redis-causes.ts'

/** The limit for the answer of one Sentinel or one node. A failover must be followed within two seconds. */
const ANSWER_MILLISECONDS = 500

/** The address of the primary as of now. Rejects when no Sentinel and no node tells one. */
export type LocatePrimary = () => Promise<RedisAddress>

type Login = Pick<RedisTarget, 'username' | 'password'>
type Place<Form> = Extract<RedisTarget['place'], { form: Form }>

/** Redis, "Guidelines for Redis clients with support for Redis Sentinel" – The address that most Sentinels name. */
export const locateBySentinels =
  ({ sentinels, master, sentinelLogin }: Place<'sentinel'>, { hasTls }: RedisTarget): LocatePrimary =>
  () =>
    elect(
      sentinels.map(sentinel =>
        ask(sentinel, { hasTls, login: sentinelLogin }, client => askSentinel(client, master)).catch(
          (error: unknown) => {
            throw ofSentinel(error)
          },
        ),
      ),
    )

const askSentinel = async (client: Redis, master: string): Promise<RedisAddress> => {
  const [host, port] = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master).then(toTexts)) ?? []
  if (host === undefined) throw new RedisMisnamed('the Sentinels know no primary of this name')
  return { host, port: Number(port) }
}

const toTexts = (answer: unknown): readonly string[] | null =>
  Array.isArray(answer) ? answer.map(String) : null

/** A refusal by a Sentinel is about the Sentinel's user, and a server without the command is no Sentinel. */
const ofSentinel = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  if (/unknown command/i.test(error.message)) return new RedisMisnamed('the server there is no Sentinel')
  return /^(?:NOAUTH|WRONGPASS|NOPERM)/.test(error.message)
    ? new Error(`a Sentinel answers ${error.message}`, { cause: error })
    : error
}

/**
 * Redis, "Cluster specification" – Every node refuses a key whose slot belongs to another node, and names that node. One GET therefore
 * finds the owner of the slot, and needs no right to a command of the cluster.
 */
export const locateInCluster =
  ({ nodes }: Place<'cluster'>, { hasTls, ...login }: RedisTarget, key: string): LocatePrimary =>
  () =>
    elect(nodes.map(node => ask(node, { hasTls, login }, client => askNode(client, { node, key }))))

const askNode = async (
  client: Redis,
  { node, key }: Readonly<{ node: RedisAddress; key: string }>,
): Promise<RedisAddress> => {
  try {
    await client.get(key)
    return node
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    // A slot that is moving away still belongs to the node that says so.
    if (message.startsWith('ASK ')) return node
    const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec(message) ?? []
    if (host === undefined || host === '?') throw error
    return { host: host || node.host, port: Number(port) }
  }
}

/** Options without the one that changes the types of answers. */
export type RedisClientOptions = Omit<RedisOptions, 'replyMapping'>

type Access = Readonly<{ hasTls: boolean; login: Login }>

const ask = async <T>(
  { host, port }: RedisAddress,
  { hasTls, login }: Access,
  question: (client: Redis) => Promise<T>,
): Promise<T> => {
  let fault: Error | null = null
  const client = new Redis({
    ...OPTIONS,
    ...clientLogin(login),
    host,
    port,
    ...(hasTls ? { tls: {} } : {}),
  })
  client.on('error', (error: Error) => {
    fault = error
  })
  const timer = setTimeout(() => {
    fault ??= new Error('timed out')
    client.disconnect()
  }, ANSWER_MILLISECONDS)
  try {
    await client.connect()
    return await question(client)
  } catch (error) {
    throw fault ?? error
  } finally {
    clearTimeout(timer)
    client.disconnect()
  }
}

const OPTIONS = {
  lazyConnect: true,
  enableReadyCheck: false,
  disableClientInfo: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: ANSWER_MILLISECONDS,
  commandTimeout: ANSWER_MILLISECONDS,
  socketTimeout: ANSWER_MILLISECONDS,
  retryStrategy: () => null,
} satisfies RedisClientOptions

/** The user and the password as the client takes them: an option is left out where the URL has none. */
export const clientLogin = ({ username, password }: Login): RedisClientOptions => ({
  ...(username === null ? {} : { username }),
  ...(username === null && password === null ? {} : { password: password ?? '' }),
})

/**
 * Resolves with an address as soon as more than half of the answers name it, else when all have come with the one that was named most. A
 * server that hangs, or that is cut off and still believes in the old primary, therefore decides nothing alone.
 */
const elect = (answers: readonly Promise<RedisAddress>[]): Promise<RedisAddress> =>
  new Promise((resolve, reject) => {
    const votes = new Map<string, Readonly<{ address: RedisAddress; count: number }>>()
    const faults: unknown[] = []
    let open = answers.length
    const settle = () => {
      const [most] = [...votes.values()].toSorted((one, other) => other.count - one.count)
      if (most !== undefined && (open === 0 || most.count * 2 > answers.length)) resolve(most.address)
      else if (open === 0) reject(faults.find(fault => fault instanceof RedisMisnamed) ?? faults[0])
    }
    const hear = async (answer: Promise<RedisAddress>) => {
      try {
        const address = await answer
        const name = addressText(address)
        votes.set(name, { address, count: (votes.get(name)?.count ?? 0) + 1 })
      } catch (fault) {
        faults.push(fault)
      }
      open -= 1
      settle()
    }
    for (const answer of answers) void hear(answer)
  })

export const addressText = ({ host, port }: RedisAddress): string => `${host}:${port}`
