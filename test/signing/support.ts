import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Log } from '../../src/ports/effects.ts'
import { type OpenKeys, openKeys } from '../../src/signing/open-keys.ts'
import { createLog } from '../support/effects.ts'

export const T0 = new Date('2026-11-21T07:00:00Z')

/** An empty directory of mode 0700 that goes when the test does. */
export const makeDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Opens the ring and closes it with the test. The directory is looked at when the test says so. */
export const open = async (
  directory: string,
  { clock = () => T0, log = createLog().log }: { clock?: () => Date; log?: Log } = {},
): Promise<OpenKeys> => {
  const keys = await openKeys({ directory, clock, log, poll_milliseconds: 3_600_000 })
  if ('faults' in keys) throw new Error(keys.faults.join('\n'))
  onTestFinished(() => keys.close())
  return keys
}

export const faultsOf = async (directory: string): Promise<readonly string[]> => {
  const keys = await openKeys({ directory, clock: () => T0, log: createLog().log })
  if ('faults' in keys) return keys.faults
  await keys.close()
  return []
}

export const createPair = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength })

/** Puts a PEM into the directory as an operator would. */
export const putKey = (directory: string, file: string, pem: string | Buffer = createPem()): void => {
  const path = join(directory, file)
  writeFileSync(path, pem)
  chmodSync(path, 0o600)
  utimesSync(path, T0, T0)
}

export const createPem = (): string | Buffer =>
  createPair().privateKey.export({ type: 'pkcs8', format: 'pem' })

/** The `kid` in the header of a JWS. */
export const kidOf = (jws: string): unknown =>
  JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString()).kid
