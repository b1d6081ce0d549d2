import { execFileSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StartFault } from '../../src/domain/base/start-fault.ts'
import { createRegisteredClients } from '../../src/flows/clients/registered-clients.ts'
import { openClientsFile } from '../../src/platform/clients-file.ts'
import { createLog } from '../support/effects.ts'

const entry = (client_id: string) => ({
  client_id,
  token_endpoint_auth_method: 'none',
  grant_types: ['refresh_token'],
  redirect_uris: [`https://${client_id}.example/callback`],
})
const policy = { issuer: 'https://id.example', default_audience: 'https://id.example', outbound_allow: [] }
const fileOf = (...ids: readonly string[]) => JSON.stringify(ids.map(entry))

describe('reloading the clients file', () => {
  let directory: string
  let file: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'signet-clients-'))
    file = join(directory, 'clients.json')
    writeFileSync(file, fileOf('first'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  const opened = async (limit: Readonly<{ read_milliseconds?: number }> = {}) => {
    const { clients, putListed } = createRegisteredClients({
      ...createLog(),
      clock: () => new Date(),
      builtIn: [],
    })
    return { clients, ...(await openClientsFile({ file, policy, onRead: putListed, ...limit })) }
  }
  const put = (text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }

  it('keeps the newest content when an older read finishes later', async () => {
    const { clients, reload } = await opened()
    // A reading of a pipe ends when its writer has closed it: later than that of the file that replaces it.
    rmSync(file)
    execFileSync('mkfifo', [file])
    const older = reload()
    const pipe = await open(file, 'w')
    put(fileOf('new'))
    const newer = reload()
    await pipe.write(fileOf('old'))
    await new Promise(resolve => setImmediate(resolve))
    await pipe.close()
    await Promise.all([older, newer])
    expect(await clients.find('new')).not.toBeNull()
    expect(await clients.find('old')).toBeNull()
    expect(clients.hasOrigin('https://new.example')).toBe(true)
    expect(clients.hasOrigin('https://old.example')).toBe(false)
  })

  it('never serves content older than the request to reload, with fifty requests at once', async () => {
    const { clients, reload } = await opened()
    const asked: Promise<void>[] = []
    for (let turn = 0; turn < 50; turn++) {
      put(fileOf(`turn${turn}`))
      asked.push(reload())
      if (turn % 7 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await asked.at(-1)
    expect(await clients.find('turn49')).not.toBeNull()
    await Promise.all(asked)
    expect(await clients.find('turn49')).not.toBeNull()
  })

  it('gives up a read that hangs, and performs the next one', async () => {
    const { clients, reload } = await opened({ read_milliseconds: 1_500 })
    rmSync(file)
    execFileSync('mkfifo', [file])
    await expect(reload()).rejects.toMatchObject({ lines: [expect.stringMatching(/cannot be read/)] })
    expect(await clients.find('first')).not.toBeNull()
    const writer = await open(file, 'w')
    put(fileOf('second'))
    await reload()
    await writer.close()
    expect(await clients.find('second')).not.toBeNull()
  })

  it.each([
    ['[', /is not JSON/],
    ['[{ "client_id": "a", "client_secret": "short" }]', /client_secret/],
    [fileOf('a', 'a'), /registered twice/],
  ])('keeps the old registrations and reports why the new file is refused: %j', async (text, why) => {
    const { clients, reload } = await opened()
    put(text)
    const failed = await reload().catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(StartFault)
    expect(failed instanceof StartFault ? failed.lines.join() : '').toMatch(why)
    expect(await clients.find('first')).not.toBeNull()
    // The failure holds up no later one.
    put(fileOf('second'))
    await reload()
    expect(await clients.find('second')).not.toBeNull()
    expect(await clients.find('first')).toBeNull()
  })

  it('reports to each of two overlapping reloads the result of its own read', async () => {
    const { clients, reload } = await opened()
    put('[')
    const bad = reload()
    await expect(bad).rejects.toBeInstanceOf(StartFault)
    put(fileOf('good'))
    const [good, shared] = [reload(), reload()]
    await Promise.all([good, shared])
    expect(await clients.find('good')).not.toBeNull()
  })
})
