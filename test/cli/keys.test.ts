import { chmodSync, readdirSync, statSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import { addKeysCommands } from '../../src/cli/keys.ts'
import { makeDirectory, putKey } from '../signing/support.ts'

const createCli = (directory = makeDirectory(), environment: Record<string, string> = {}) => {
  const run = async (...words: string[]) => {
    const [out, err]: [string[], string[]] = [[], []]
    const program = new Command().exitOverride().configureOutput({ writeErr: line => err.push(line) })
    addKeysCommands(program, {
      environment: { KEYS_DIR: directory, ...environment },
      out: line => out.push(line),
      err: line => err.push(line),
    })
    const exit_code = await program.parseAsync(['keys', ...words], { from: 'user' }).then(
      () => 0,
      (error: unknown) => (error instanceof CommanderError ? error.exitCode : Promise.reject(error)),
    )
    return { exit_code, out, err }
  }
  return { directory, run }
}

const kids = (out: readonly string[]): readonly string[] =>
  JSON.parse(out[0] ?? '').keys.map((key: { kid: string }) => key.kid)

describe('signetd keys', () => {
  it('lists an empty directory as empty, open to others or not, and changes nothing there', async () => {
    const { directory, run } = createCli()
    chmodSync(directory, 0o755)
    expect(await run('list', '--json')).toEqual({
      exit_code: 0,
      out: ['{"keys":[],"next_rotation_at":null}'],
      err: [],
    })
    expect(readdirSync(directory)).toEqual([])
    expect(statSync(directory).mode & 0o777).toBe(0o755)
  })

  it('lists every key in a table, and with --json in data', async () => {
    const { directory, run } = createCli()
    putKey(directory, 'own.pem')
    await run('rotate')
    const { out, err, exit_code } = await run('list')
    expect({ err, exit_code }).toEqual({ err: [], exit_code: 0 })
    expect(out[0]).toMatch(/^STATE +KID +SIGNS FROM +RETIRED AT +DROP AT +FILE$/)
    expect(out[1]).toMatch(/^signing +[\w-]{43} +always +\d{4}-\S+Z +\d{4}-\S+Z +own\.pem$/)
    expect(out[2]).toMatch(/^announced +[\w-]{43} +\d{4}-\S+Z +- +- +\S+\.pem$/)
    const { keys } = JSON.parse((await run('list', '--json')).out.join(''))
    expect(keys).toHaveLength(2)
    expect(Object.keys(keys[1])).toEqual([
      'kid',
      'state',
      'announced_at',
      'signs_from',
      'retired_at',
      'drop_at',
      'file',
    ])
    expect(keys[0]).toMatchObject({ state: 'signing', signs_from: null, retired_at: keys[1].signs_from })
  })

  it('lists the keys by default, with the day of the next rotation', async () => {
    const { run } = createCli(makeDirectory(), { KEY_ROTATION_DAYS: '10' })
    await run('rotate')
    const { keys, next_rotation_at } = JSON.parse((await run('--json')).out.join(''))
    // Announced two JWKS cache lifetimes before it signs.
    const seconds = 10 * 86_400 - 600
    expect(Date.parse(next_rotation_at) - Date.parse(keys[0].signs_from)).toBe(seconds * 1000)
    const { out } = await run()
    expect(out).toHaveLength(3)
    expect(out[2]).toMatch(/^The next key is due at \d{4}-\S+Z\.$/)
    await run('rotate')
    expect((await run()).out).toHaveLength(3)
  })

  it('rotates, refuses a second rotation with 1, and retires at once', async () => {
    const { directory, run } = createCli()
    putKey(directory, 'own.pem')
    const [first = ''] = kids((await run('rotate', '--json')).out)
    const refused = await run('rotate')
    expect(refused).toEqual({ exit_code: 1, out: [], err: [expect.stringContaining('announced already')] })
    expect(await run('retire', first)).toMatchObject({ exit_code: 1, out: [] })
    const { out, exit_code } = await run('retire', first, '--now', '--json')
    expect(exit_code).toBe(0)
    expect(JSON.parse(out[0] ?? '').keys.map((key: { state: string }) => key.state)).toEqual([
      'retired',
      'signing',
    ])
  })

  it('revokes only with --now', async () => {
    const { run } = createCli()
    const [first = ''] = kids((await run('rotate', '--json')).out)
    const asked = await run('revoke', first)
    expect(asked).toEqual({ exit_code: 1, out: [], err: [expect.stringContaining('add --now')] })
    expect(kids((await run('list', '--json')).out)).toEqual([first])
    expect((await run('revoke', first, '--now')).exit_code).toBe(0)
    expect(kids((await run('list', '--json')).out)).not.toContain(first)
  })

  it('revokes all with --all and --now, and takes a kid or --all, not both', async () => {
    const { run } = createCli()
    const [first = ''] = kids((await run('rotate', '--json')).out)
    const unclear = { exit_code: 1, out: [], err: ['name the key to revoke, or add --all'] }
    expect(await run('revoke', '--now')).toEqual(unclear)
    expect(await run('revoke', first, '--all', '--now')).toEqual(unclear)
    expect(await run('revoke', '--all')).toMatchObject({ exit_code: 1 })
    expect(kids((await run('list', '--json')).out)).toEqual([first])
    const [next = '', ...more] = kids((await run('revoke', '--all', '--now', '--json')).out)
    expect([next === first, more]).toEqual([false, []])
  })

  it('prints a new key with its date, for a secret that is mounted under any name', async () => {
    const { directory, run } = createCli()
    putKey(directory, 'own.pem')
    const soon = await run('new')
    expect(soon).toMatchObject({ exit_code: 0, err: [] })
    expect(soon.out[0]).toMatch(
      /^Signs-From: \d{4}-\S+Z\n-----BEGIN PRIVATE KEY-----\n[^]+-----END PRIVATE KEY-----$/,
    )
    const { out } = await run('new', '--signs-from', '2100-01-01T00:00:00Z')
    putKey(directory, 'aa.pem', `${out[0]}\n`)
    const { keys } = JSON.parse((await run('list', '--json')).out.join(''))
    expect(keys).toMatchObject([
      { state: 'signing', file: 'own.pem' },
      { state: 'announced', file: 'aa.pem', signs_from: '2100-01-01T00:00:00.000Z' },
    ])
    const wrong = await run('new', '--signs-from', 'tomorrow')
    expect(wrong).toEqual({
      exit_code: 1,
      out: [],
      err: [expect.stringContaining('--signs-from must be a time')],
    })
  })

  it('prints refusals and faults as JSON with --json', async () => {
    const { run } = createCli()
    expect(await run('revoke', 'nobody', '--json')).toEqual({
      exit_code: 1,
      out: ['{"refusal":"nobody is unknown: signetd keys list prints the keys"}'],
      err: [],
    })
    const broken = await createCli(makeDirectory(), { KEY_ROTATION_DAYS: 'x' }).run('list', '--json')
    expect(broken.exit_code).toBe(2)
    expect(JSON.parse(broken.out[0] ?? '')).toEqual({
      faults: [expect.stringContaining('KEY_ROTATION_DAYS')],
    })
  })

  it('ends with 2 and a line for each fault of configuration and directory', async () => {
    const wrong = await createCli(makeDirectory(), { KEY_ROTATION_DAYS: '0' }).run()
    const line = 'KEY_ROTATION_DAYS must be from 1 to 365, not 0'
    expect(wrong).toEqual({ exit_code: 2, out: [], err: [line] })
    const { directory, run } = createCli()
    putKey(directory, 'a.pem', 'x')
    for (const words of [['list'], ['rotate'], ['retire', 'x'], ['revoke', 'x', '--now']]) {
      const { exit_code, err } = await run(...words)
      expect(exit_code).toBe(2)
      expect(err).toEqual([expect.stringContaining('a.pem')])
    }
    expect((await createCli(`${directory}/none`).run('list')).exit_code).toBe(2)
  })
})
