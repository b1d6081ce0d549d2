import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StartFault } from '../../src/domain/base/start-fault.ts'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import { startAt } from '../support/deployment.ts'
import {
  type FormName,
  goThrough,
  type OpenForm,
  openForm,
  type TroubleName,
} from '../support/redis/redis-matrix.ts'
import { createPostgresStorage, type Storage } from '../support/storage.ts'

const FORMS = ['tls', 'socket', 'sentinel', 'cluster'] as const

/** One trouble for each form; redis-forms.full.ts has them all, and Sentinel and a cluster over TLS. */
const TROUBLE_OF: Readonly<Record<(typeof FORMS)[number], TroubleName>> = {
  tls: 'emptied',
  socket: 'stopped',
  sentinel: 'demoted',
  cluster: 'demoted',
}

describe.skipIf(!hasPostgres || !hasRedis)('REDIS_URL', () => {
  const forms = new Map<FormName, OpenForm>()
  const formOf = (name: FormName): OpenForm => {
    const form = forms.get(name)
    if (form === undefined) throw new Error(`${name} is not open`)
    return form
  }
  let storage: Storage
  beforeAll(async () => {
    storage = await createPostgresStorage()
    await Promise.all(
      FORMS.map(async name => {
        forms.set(name, await openForm(name))
      }),
    )
  }, 120_000)
  afterAll(async () => {
    await Promise.all([...forms.values()].map(form => form.close()))
    await storage.remove()
  })

  it.each(FORMS)(
    'reaches Redis by %s, and is healthy again after its trouble',
    name => goThrough(formOf(name), TROUBLE_OF[name]),
    120_000,
  )

  it('is refused at the start where it names what cannot be had, with the reason', async () => {
    const refusalOf = async (REDIS_URL: string): Promise<unknown> => {
      const { environment } = storage
      try {
        const instance = await startAt({ environment: { ...environment, REDIS_URL } })
        await instance.close()
        return 'it started'
      } catch (error) {
        return error
      }
    }
    const [socket, sentinel, cluster] = [formOf('socket'), formOf('sentinel'), formOf('cluster')].map(
      ({ redis }) => redis.url,
    )
    const withScheme = (url: string | undefined, scheme: string) =>
      String(url)
        .replace(/^[\w+]+:/, `${scheme}:`)
        .replace(/,.*/, '')
    const server = formOf('sentinel').redis
    const primary = `127.0.0.1:${(await server.primary()).port}`
    for (const [url, reason] of [
      [withScheme(cluster, 'redis'), 'this redis is a node of a cluster; write redis+cluster://'],
      [`redis+cluster://${primary}`, 'this redis is in no cluster; write redis://'],
      [`redis+sentinel://signet:secret@${primary}/any`, 'a server there is no Sentinel'],
      [String(sentinel).replace(/\/[\w-]+\?/, '/other?'), 'the Sentinels know no primary of the name'],
      [String(socket).replace('db=1', 'db=99'), 'its database cannot be selected'],
    ] as const) {
      const refusal = await refusalOf(url)
      expect(String(refusal)).toContain(reason)
      expect(refusal).toBeInstanceOf(StartFault)
      expect(String(refusal)).not.toMatch(/secret|hidden|\n/)
    }
  })
})
