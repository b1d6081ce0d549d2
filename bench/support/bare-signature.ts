import { generateKeyPairSync, sign } from 'node:crypto'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const INPUT = Buffer.alloc(300, 'x')

/** The limit: processor milliseconds of one RSA-2048 signature on the thread pool, four under way, nothing else done. */
export const bareSignatureMilliseconds = async (count = 3000): Promise<number> => {
  let left = count
  const loop = async () => {
    while (left-- > 0) await signOnce()
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: 4 }, loop))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / count
}

const signOnce = () =>
  new Promise<Buffer>((resolve, reject) => {
    sign('RSA-SHA256', INPUT, privateKey, (error, signature) => (error ? reject(error) : resolve(signature)))
  })
