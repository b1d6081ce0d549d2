import { generateKeyPairSync, sign } from 'node:crypto'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const INPUT = Buffer.alloc(300, 'x')

/** Rounds of `work`, each between two measurements of the limit: `bare` is the mean of the two, in milliseconds. */
export const besideBareSignature = async <T extends object>(
  rounds: number,
  work: () => Promise<T>,
): Promise<readonly (T & { bare: number })[]> => {
  const results: (T & { bare: number })[] = []
  let before = await bareSignatureMilliseconds()
  for (let round = 0; round < rounds; round++) {
    const result = await work()
    const after = await bareSignatureMilliseconds()
    results.push({ ...result, bare: (before + after) / 2 })
    before = after
  }
  return results
}

const COUNT = 3000

/** The limit: processor milliseconds of one RSA-2048 signature on the thread pool, four in parallel, with no other work. */
const bareSignatureMilliseconds = async (): Promise<number> => {
  let left = COUNT
  const loop = async () => {
    while (left-- > 0) await signOnce()
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: 4 }, loop))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / COUNT
}

const signOnce = () =>
  new Promise<Buffer>((resolve, reject) => {
    sign('RSA-SHA256', INPUT, privateKey, (error, signature) => (error ? reject(error) : resolve(signature)))
  })
