import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { backends } from '../support/backends.ts'
import { openSignIn } from '../support/sign-ins.ts'

describe.each(backends)('a restored backup on $name', ({ open }) => {
  it('has no living sign-in once the statement of docs/deploy.md was run', async () => {
    const page = readFileSync('docs/deploy.md', 'utf8')
    const statement = /^ +(update users set .*;)$/m.exec(page)?.[1] ?? ''
    const { database, close } = await open()
    onTestFinished(close)
    const before = await openSignIn(database)
    expect(await before.refresh()).toMatchObject({ verdict: 'rotated' })
    await database.sql.unsafe(statement)
    expect(await before.refresh()).toEqual({ verdict: 'denied', denial: 'epoch_passed' })
  })
})
