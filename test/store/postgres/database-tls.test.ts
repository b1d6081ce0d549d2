import { execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../../src/store/postgres/database.ts'
import { hasPostgres } from '../../support/backends.ts'
import {
  findOnPath,
  findPostgresBinaries,
  postgresOwner,
  type Service,
  startPostgres,
} from '../../support/services/services.ts'

describe.skipIf(!hasPostgres)('the pool, over TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-tls-'))
  let postgres: Service
  let database: Database

  beforeAll(async () => {
    postgres = await startWithTls(directory)
  })
  afterAll(async () => {
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  beforeEach(() => {
    const { host, port } = new URL(postgres.url)
    const url = `${postgres.url.replace(host, `${host},127.0.0.2:${port}`)}?sslmode=require`
    database = openDatabase({ url, pool_size: 3, answer_seconds: 1 })
    return () => database.close()
  })

  type Connection = Readonly<{ pid: number; address: string; ssl: boolean }>
  const connections = async (count: number): Promise<readonly (Connection | undefined)[]> => {
    const ask = async () => {
      const [row] = await database.run(
        sql => sql<Connection[]>`
          select pg_backend_pid() as pid, host(inet_server_addr()) as address, ssl
          from pg_stat_ssl, pg_sleep(0.05)
          where pid = pg_backend_pid()`,
      )
      return row
    }
    return Promise.all(Array.from({ length: count }, ask))
  }

  it('leaves a host that has become a standby for the next one', async () => {
    const addresses: (string | undefined)[] = []
    for (let turn = 0; turn < 4; turn++) {
      const [connection] = await connections(1)
      expect(connection?.ssl).toBe(true)
      addresses.push(connection?.address)
      const write = database.run(sql => sql`do $$ begin raise exception using errcode = '25006'; end $$`)
      await expect(write).rejects.toMatchObject({ cause: { code: '25006' } })
    }
    expect(new Set(addresses)).toEqual(new Set(['127.0.0.1', '127.0.0.2']))
  })

  it('stays with a host after a connection to it has ended', async () => {
    const [before] = await connections(1)
    for (let turn = 0; turn < 3; turn++) {
      const end = database.run(sql => sql`select pg_terminate_backend(pg_backend_pid())`)
      await expect(end).rejects.toMatchObject({ name: 'Unavailable' })
      const [after] = await connections(1)
      expect(after?.address).toBe(before?.address)
    }
  })

  it('continues with its other connections when the busy one is ended', async () => {
    const before = new Set((await connections(3)).map(connection => connection?.pid))
    const [first] = await connections(1)
    const end = database.run(sql => sql`select pg_terminate_backend(pg_backend_pid())`)
    await expect(end).rejects.toMatchObject({ name: 'Unavailable' })
    await expect.poll(async () => (await connections(1))[0]?.pid).not.toBe(first?.pid)
    const [next] = await connections(1)
    expect(before).toContain(next?.pid)
  })

  it('does not cut a live connection when the caller of another one gives up', async () => {
    const [, spoken] = await connections(2)
    const silent = database.run(sql => sql`select pg_sleep(3)`)
    await expect(silent).rejects.toMatchObject({ name: 'Unavailable' })
    await connections(2)
    expect((await connections(2)).map(connection => connection?.pid)).toContain(spoken?.pid)
  })
})

const startWithTls = (directory: string): Promise<Service> => {
  const binaries = findPostgresBinaries()
  const openssl = findOnPath('openssl')
  if (binaries === null || openssl === null) throw new Error('no Postgres, or no openssl')
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-days', '2']
  execFileSync(openssl, [...words, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const owner = postgresOwner()
  if (owner) for (const path of [directory, key, certificate]) chownSync(path, owner.uid, owner.gid)
  const ssl = { ssl: 'on', ssl_key_file: key, ssl_cert_file: certificate }
  // Two addresses, like those of a primary and its standby.
  return startPostgres(binaries, { fsync: 'off', listen_addresses: '127.0.0.1,127.0.0.2', ...ssl })
}
