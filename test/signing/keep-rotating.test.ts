import { chmodSync, readdirSync } from 'node:fs'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { keepRotating } from '../../src/signing/keep-rotating.ts'
import { reportKeys } from '../../src/signing/list-keys.ts'
import { rotateWhenDue } from '../../src/signing/rotation.ts'
import { createClock, createLog } from '../support/effects.ts'
import { createPem, makeDirectory, open, putKey, T0 } from './support.ts'

const DAY_SECONDS = 86_400
const every_seconds = 30 * DAY_SECONDS
const pems = (directory: string) => readdirSync(directory).filter(name => name.endsWith('.pem'))

describe('two replicas on one KEYS_DIR', () => {
  it('announce one key together when rotation is due, while the old key goes on signing', async () => {
    const { clock, advance } = createClock(T0)
    const directory = makeDirectory()
    const replicas = [await open(directory, { clock }), await open(directory, { clock })]
    advance(every_seconds)
    for (const _ of replicas) {
      const stop = keepRotating({
        directory,
        every_seconds,
        clock,
        log: createLog().log,
        onChange: async () => {},
      })
      onTestFinished(stop)
    }
    await vi.waitFor(() => expect(pems(directory)).toHaveLength(2), { timeout: 10_000 })
    // Waits for the lock of a replica that is still rotating, and finds nothing left to do.
    expect(await rotateWhenDue({ directory, clock }, { every_seconds })).toEqual({ changed: false })
    expect(pems(directory)).toHaveLength(2)
    for (const replica of replicas) {
      await replica.reload()
      expect(replica.schedule().map(key => key.state)).toEqual(['signing', 'announced'])
      expect(replica.published()).toHaveLength(2)
    }
  })
})

describe('the report of the keys for operators', () => {
  it('warns when rotation is more than two hours overdue', async () => {
    const { clock, advance } = createClock(T0)
    const keys = await open(makeDirectory(), { clock })
    const report = () => reportKeys(keys, { now: clock(), every_seconds })
    expect(report()).toMatchObject({ needsAttention: false, isReadOnly: false, age_seconds: 0 })
    expect(report().states).toEqual({ announced: 0, signing: 1, retired: 0, dropped: 0 })
    const due_seconds = report().due_seconds ?? 0
    advance(due_seconds + 7200)
    expect(report()).toMatchObject({ due_seconds: -7200, needsAttention: false })
    advance(1)
    expect(report().needsAttention).toBe(true)
  })

  it('warns a week before rotation is due when the directory is read-only', async () => {
    const { clock, advance } = createClock(T0)
    const directory = makeDirectory()
    putKey(directory, 'own.pem', `Signs-From: 2026-11-20T07:00:00Z\n${String(createPem())}`)
    chmodSync(directory, 0o500)
    onTestFinished(() => chmodSync(directory, 0o700))
    const keys = await open(directory, { clock })
    const report = () => reportKeys(keys, { now: clock(), every_seconds })
    expect(report()).toMatchObject({ isReadOnly: true, needsAttention: false })
    advance((report().due_seconds ?? 0) - 7 * DAY_SECONDS)
    expect(report().needsAttention).toBe(false)
    advance(1)
    expect(report().needsAttention).toBe(true)
  })

  it('does not warn while the next key is announced', async () => {
    const { clock, advance } = createClock(T0)
    const directory = makeDirectory()
    const keys = await open(directory, { clock })
    advance(every_seconds)
    await rotateWhenDue({ directory, clock }, { every_seconds })
    await keys.reload()
    const report = reportKeys(keys, { now: clock(), every_seconds })
    expect(report).toMatchObject({ due_seconds: null, needsAttention: false })
  })
})
