import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const messagesOf = async (script: string): Promise<readonly string[]> => {
  const program = `import { openLog } from './src/platform/log.ts'; ${script}`
  const words = ['--import', 'tsx', '--input-type=module', '-e', program]
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, words, { env })
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line).msg)
}

describe('the log', () => {
  it('writes the lines that arrive during a pending write without waiting for a later line', async () => {
    // Killed once the pool has been free for a round: no exit hook writes what was left behind.
    const script = `
      import { pbkdf2 } from 'node:crypto'
      const log = openLog('info')
      const busy = next => pbkdf2('x', 'y', 1_000_000, 32, 'sha512', next)
      busy(() => busy(() => busy(() => process.kill(process.pid, 'SIGKILL'))))
      log.info({}, 'one')
      setTimeout(() => log.info({}, 'two'), 30)`
    const stdout = await messagesOf(script).catch(({ stdout }: { stdout: string }) =>
      stdout
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line).msg),
    )
    expect(stdout).toEqual(['one', 'two'])
  })

  it('writes every line before the process exits', async () => {
    expect(
      await messagesOf(
        `const log = openLog('info'); process.once('exit', log.flush); log.info({}, 'last'); process.exit(0)`,
      ),
    ).toEqual(['last'])
  })
})
