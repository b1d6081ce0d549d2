import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AdminError } from '../../../src/cli/admin/admin-error.ts'
import { readAdminSettings } from '../../../src/cli/admin/admin-settings.ts'

const TOKEN = { SIGNET_ADMIN_TOKEN: 'a-token' }
const CLIENT = { SIGNET_ADMIN_CLIENT_ID: 'operator', SIGNET_ADMIN_CLIENT_SECRET: 'secret' }

const urlWith = (environment: Readonly<Record<string, string>>) =>
  readAdminSettings({ ...TOKEN, ...environment }).url
const credentialsWith = (environment: Readonly<Record<string, string>>) =>
  readAdminSettings(environment).credentials

describe('the administration that a command asks', () => {
  it.each([
    [{}, 'http://127.0.0.1:9090'],
    [{ INTERNAL_PORT: '9191' }, 'http://127.0.0.1:9191'],
    [{ INTERNAL_HOST: '0.0.0.0' }, 'http://127.0.0.1:9090'],
    [{ INTERNAL_HOST: '::' }, 'http://[::1]:9090'],
    [{ INTERNAL_HOST: '2001:db8::1' }, 'http://[2001:db8::1]:9090'],
    [{ INTERNAL_HOST: '192.0.2.1' }, 'http://192.0.2.1:9090'],
    [{ SIGNET_ADMIN_URL: 'https://admin.example//', INTERNAL_PORT: 'off' }, 'https://admin.example'],
  ])('of %j is at %s', (environment, url) => {
    expect(urlWith(environment)).toBe(url)
  })

  it.each([
    [{ INTERNAL_PORT: 'nine' }, /^INTERNAL_PORT/],
    [{ SIGNET_ADMIN_URL: 'ftp://admin.example' }, /^SIGNET_ADMIN_URL must be the URL/],
  ])('cannot be named by %j', (environment, line) => {
    expect(() => urlWith(environment)).toThrow(AdminError)
    expect(() => urlWith(environment)).toThrow(line)
  })
})

describe('the credentials of a command', () => {
  const fileOf = (text: string) => {
    const directory = mkdtempSync(join(tmpdir(), 'signet-credentials-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'secret')
    writeFileSync(path, text)
    return path
  }

  it('are a token, also beside a client', () => {
    expect(credentialsWith({ ...TOKEN, ...CLIENT })).toEqual({ token: 'a-token' })
    expect(credentialsWith({ SIGNET_ADMIN_TOKEN_FILE: fileOf('of-a-file\n') })).toEqual({
      token: 'of-a-file',
    })
  })

  it.each([
    [{}, 'http://localhost:8080'],
    [{ PORT: '8181' }, 'http://localhost:8181'],
    [{ PORT: '8181', ISSUER: 'https://id.example' }, 'https://id.example'],
  ])('of a client ask for a token at the issuer: %j, %s', (environment, issuer) => {
    expect(credentialsWith({ ...CLIENT, ...environment })).toEqual({
      issuer,
      client_id: 'operator',
      client_secret: 'secret',
    })
  })

  it('are missing where a file is empty, or the client has no id', () => {
    const { SIGNET_ADMIN_CLIENT_ID, SIGNET_ADMIN_CLIENT_SECRET } = CLIENT
    for (const environment of [
      { SIGNET_ADMIN_CLIENT_ID, SIGNET_ADMIN_CLIENT_SECRET_FILE: fileOf(' \n') },
      { SIGNET_ADMIN_CLIENT_SECRET },
    ])
      expect(() => credentialsWith(environment)).toThrow(/^the command needs a client of the administration/)
  })

  it('are refused where a file cannot be read, or the issuer is no URL, without the secret', () => {
    expect(() => credentialsWith({ SIGNET_ADMIN_TOKEN_FILE: '/nowhere' })).toThrow(
      'SIGNET_ADMIN_TOKEN_FILE names /nowhere, which cannot be read (ENOENT)',
    )
    const secrets = { SIGNET_ADMIN_CLIENT_ID: 'operator', SIGNET_ADMIN_CLIENT_SECRET: 'two words' }
    expect(() => credentialsWith(secrets)).toThrow(
      /^SIGNET_ADMIN_CLIENT_SECRET must be one line of ASCII without spaces$/,
    )
    expect(() => credentialsWith({ ...CLIENT, ISSUER: 'id.example' })).toThrow(/^ISSUER/)
  })
})
