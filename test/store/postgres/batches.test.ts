import { describe, expect, it } from 'vitest'
import { inBatches } from '../../../src/store/postgres/batches.ts'

type Entry = Readonly<{ key: string; text: string }>

const entry = (key: string, text = key): Entry => ({ key, text })

/** A worker that records its calls; the test decides the answer of `together`. */
const createWork = (
  together: (texts: readonly string[]) => Promise<readonly (string | undefined)[]>,
  isOfOne = () => false,
) => {
  const batches: (readonly string[])[] = []
  const alone: string[] = []
  const ask = inBatches<Entry, string>({
    keyOf: ({ key }) => key,
    together: batch => {
      const texts = batch.map(({ text }) => text)
      batches.push(texts)
      return together(texts)
    },
    alone: async ({ text }) => {
      alone.push(text)
      return `${text} alone`
    },
    isUndone: fault => fault instanceof RangeError,
    isOfOne,
  })
  return { batches, alone, askAll: (...entries: readonly Entry[]) => Promise.all(entries.map(ask)), ask }
}

const echo = async (texts: readonly string[]) => texts.map(text => `${text} together`)

describe('work in batches', () => {
  it('sends concurrent entries at once', async () => {
    const { batches, askAll } = createWork(echo)
    expect(await askAll(entry('a'), entry('b'), entry('c'))).toEqual([
      'a together',
      'b together',
      'c together',
    ])
    expect(batches).toEqual([['a', 'b', 'c']])
  })

  it('sends each entry at once and by itself where a batch has one entry only, and alone what gets no answer', async () => {
    const silentForB = async (texts: readonly string[]) => (texts.includes('b') ? [undefined] : echo(texts))
    const { batches, askAll } = createWork(silentForB, () => true)
    expect(await askAll(entry('a'), entry('a', 'again'), entry('b'))).toEqual([
      'a together',
      'again together',
      'b alone',
    ])
    expect(batches).toEqual([['a'], ['again'], ['b']])
  })

  it('sends a full batch at once, also while others have no answer', async () => {
    const { batches, ask } = createWork(() => new Promise(() => {}))
    for (let index = 0; index < 200; index++) void ask(entry(`e${index}`))
    await Promise.resolve()
    expect(batches.map(batch => batch.length)).toEqual([64, 64, 64])
  })

  it('collects entries while a batch is under way, and no longer', async () => {
    let answer = () => {}
    const first = new Promise<void>(resolve => {
      answer = resolve
    })
    const { batches, ask, askAll } = createWork(async texts => {
      if (texts.includes('first')) await first
      return echo(texts)
    })
    const under = ask(entry('first'))
    await expect.poll(() => batches.length).toBe(1)
    const next = askAll(entry('a'), entry('b'))
    answer()
    expect(await next).toEqual(['a together', 'b together'])
    expect(await under).toBe('first together')
    expect(batches).toEqual([['first'], ['a', 'b']])
  })

  it('does not wait for ever for a batch without an answer', async () => {
    const { batches, ask } = createWork(texts =>
      texts.includes('stuck') ? new Promise<readonly string[]>(() => {}) : echo(texts),
    )
    void ask(entry('stuck'))
    await expect.poll(() => batches.length).toBe(1)
    expect(await ask(entry('a'))).toBe('a together')
    expect(await ask(entry('b'))).toBe('b together')
    expect(batches).toEqual([['stuck'], ['a'], ['b']])
  })

  it('never has two entries of one key in a batch', async () => {
    const { batches, alone, askAll } = createWork(echo)
    expect(await askAll(entry('a', 'one'), entry('b'), entry('a', 'two'))).toEqual([
      'one together',
      'b together',
      'two alone',
    ])
    expect([batches, alone]).toEqual([[['one', 'b']], ['two']])
  })

  it('keeps a batch short', async () => {
    const { batches, askAll } = createWork(echo)
    const entries = Array.from({ length: 150 }, (_, number) => entry(String(number)))
    expect(await askAll(...entries)).toEqual(entries.map(({ key }) => `${key} together`))
    expect(batches.map(({ length }) => length)).toEqual([64, 64, 22])
  })

  it('sends an entry without an answer alone', async () => {
    const { askAll } = createWork(async texts => texts.map(text => (text === 'b' ? undefined : text)))
    expect(await askAll(entry('a'), entry('b'), entry('c'))).toEqual(['a', 'b alone', 'c'])
  })

  it('sends each entry alone when the batch was rolled back', async () => {
    const { askAll, ask } = createWork(texts =>
      texts.includes('bad') ? Promise.reject(new RangeError()) : echo(texts),
    )
    expect(await askAll(entry('a'), entry('bad'))).toEqual(['a alone', 'bad alone'])
    expect(await ask(entry('b'))).toBe('b together')
  })

  it('fails all entries, and retries none, when the effect of the batch is unknown', async () => {
    const { alone, ask } = createWork(() => Promise.reject(new Error('no answer')))
    const answers = await Promise.allSettled([ask(entry('a')), ask(entry('b'))])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(alone).toEqual([])
  })
})
