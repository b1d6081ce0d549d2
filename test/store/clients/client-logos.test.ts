import { hash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOGOS_AT_MOST, logoUriDigestOf } from '../../../src/domain/authorization/client-logo.ts'
import type { ClientLogos } from '../../../src/ports/logos.ts'
import { createClientLogos } from '../../../src/store/clients/client-logos.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'

describe.each(backends)('logos of clients, on $name', ({ open }) => {
  let backend: OpenBackend
  let logos: ClientLogos
  beforeAll(async () => {
    backend = await open()
    logos = createClientLogos(backend.database)
  })
  afterAll(() => backend.close())

  let addresses = 0
  const newAddress = () => logoUriDigestOf(`https://app.example/${++addresses}`)
  const imageOf = (text: string) => {
    const image = Buffer.from(text)
    return { image, digest: hash('sha256', image, 'buffer') }
  }
  const end = (uri_digest: Uint8Array) =>
    backend.database.sql`update client_logos set due_at = now() where uri_digest = ${uri_digest}`
  const pauseOf = async (uri_digest: Uint8Array) => {
    const [row] = await backend.database.sql<{ seconds: number }[]>`
      select extract(epoch from due_at - now())::integer as seconds from client_logos where uri_digest = ${uri_digest}`
    return row?.seconds ?? 0
  }

  it('are claimed by one of many, and again once the claim is over', async () => {
    const uri_digest = newAddress()
    expect(await logos.find(uri_digest)).toBeNull()
    const claim = () => Promise.all(Array.from({ length: 10 }, () => logos.claim(uri_digest)))
    expect((await claim()).filter(Boolean)).toHaveLength(1)
    expect(await logos.find(uri_digest)).toEqual({ digest: null, isDue: false })
    await end(uri_digest)
    expect(await logos.find(uri_digest)).toEqual({ digest: null, isDue: true })
    expect((await claim()).filter(Boolean)).toHaveLength(1)
  })

  it('are kept, replaced, and stay through failures', async () => {
    const [uri_digest, one, other] = [newAddress(), imageOf('one'), imageOf('other')]
    await logos.claim(uri_digest)
    await logos.keep({ uri_digest, ...one })
    expect(await logos.read(one.digest)).toEqual(one.image)
    await logos.postpone(uri_digest)
    expect(await logos.find(uri_digest)).toEqual({ digest: one.digest, isDue: false })
    await logos.keep({ uri_digest, ...other })
    expect([await logos.read(one.digest), await logos.read(other.digest)]).toEqual([null, other.image])
  })

  it('wait longer after each failure, a day at most', async () => {
    const uri_digest = newAddress()
    await logos.claim(uri_digest)
    const pauses: number[] = []
    for (let failure = 0; failure < 14; failure++) {
      await logos.postpone(uri_digest)
      pauses.push(Math.round((await pauseOf(uri_digest)) / 60))
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_440, 1_440, 1_440])
    await logos.keep({ uri_digest, ...imageOf('again') })
    await logos.postpone(uri_digest)
    expect(Math.round((await pauseOf(uri_digest)) / 60)).toBe(1)
  })

  it('are of a bounded number: a new one is refused, and those that are kept go on', async () => {
    const known = newAddress()
    await logos.claim(known)
    await backend.database.sql`
      insert into client_logos (uri_digest, due_at, expires_at)
      select decode(md5(each::text), 'hex'), now(), now()
      from generate_series(1, ${LOGOS_AT_MOST}::integer - (select count(*)::integer from client_logos)) as each`
    expect(await logos.claim(newAddress())).toBe(false)
    await end(known)
    expect(await logos.claim(known)).toBe(true)
    await backend.database.sql`delete from client_logos where expires_at <= now()`
    expect(await logos.claim(newAddress())).toBe(true)
  })
})
