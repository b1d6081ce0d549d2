import { afterEach, describe, expect, it } from 'vitest'
import { openWorkerThreads, type WorkerThreads } from '../../src/platform/worker-threads.ts'

/** Does what its task says, and names the thread that did it. */
const SOURCE = `
  import { parentPort, threadId } from 'node:worker_threads'
  parentPort.on('message', ({ does, milliseconds = 0 }) => {
    if (does === 'die') process.exit(1)
    if (does === 'throw') throw new Error('not caught')
    if (does === 'refuse') return parentPort.postMessage({ error: new RangeError('refused') })
    setTimeout(() => parentPort.postMessage({ value: threadId }), milliseconds)
  })`

describe('worker threads', () => {
  let threads: WorkerThreads | undefined
  const open = (max_threads: number, { source = SOURCE, idle_milliseconds = 60_000 } = {}) => {
    threads = openWorkerThreads({
      source,
      worker_data: null,
      max_threads,
      idle_milliseconds,
      resource_limits: {},
    })
    return threads
  }
  afterEach(() => threads?.close())

  it('hand the error of the module to the caller, and go on', async () => {
    const { run } = open(1)
    const id = await run({ does: 'answer' })
    await expect(run({ does: 'refuse' })).rejects.toThrow(RangeError)
    expect(await run({ does: 'answer' })).toBe(id)
  })

  it.each([
    ['die', 'a worker thread ended in the middle of its task'],
    ['throw', 'not caught'],
  ])(
    'fail the task whose thread does %s, that task alone, and start another thread',
    async (does, message) => {
      const { run } = open(1)
      const failed = run({ does })
      const waiting = run({ does: 'answer' })
      await expect(failed).rejects.toThrow(message)
      expect(await waiting).toEqual(expect.any(Number))
    },
  )

  it('fail each task, and not the process, when their module cannot be loaded', async () => {
    const { run } = open(2, { source: 'import "not-there"' })
    const outcomes = await Promise.allSettled([run({}), run({}), run({})])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  })

  it('never give two tasks to one thread, and count those that wait', async () => {
    const { run, waiting } = open(2)
    const running = Array.from({ length: 5 }, () => run({ does: 'answer', milliseconds: 50 }))
    expect(waiting()).toBe(3)
    expect(new Set(await Promise.all(running)).size).toBe(2)
    expect(waiting()).toBe(0)
  })

  it('end a thread that has had no work for a while', async () => {
    const { run } = open(1, { idle_milliseconds: 20 })
    const first = await run({ does: 'answer' })
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(await run({ does: 'answer' })).not.toBe(first)
  })

  it('reject what runs, what waits and what comes when they are closed', async () => {
    const { run, close } = open(1)
    const outcomes = Promise.allSettled([
      run({ does: 'answer', milliseconds: 60_000 }),
      run({ does: 'answer' }),
    ])
    await close()
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(run({ does: 'answer' })).rejects.toThrow('closed')
  })
})
