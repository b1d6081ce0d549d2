import { randomBytes } from 'node:crypto'
import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokenAt } from '../../src/domain/sign-in/refresh-token.ts'
import { CONFIDENTIAL, createPepperText } from '../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { pepperOf, rowOf, seedFamily } from '../support/families.ts'
import { createBystanders, INVALID_GRANT, isActive, refresh, refused, rotated } from '../support/refresh.ts'

describe.each(deployments)('the verdicts on a refresh token, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const alerts = (sid: string) =>
    signet.lines.filter(line => line['event'] === 'refresh_token_alert' && line['sid'] === sid)

  describe('denied, which writes nothing', () => {
    /** Changes the row, presents its current token, which must be denied, restores the row, and presents the same token with success. */
    const deniedWhile = async (set: (id: string, user_id: string) => Promise<unknown>, undo: typeof set) => {
      const family = await seedFamily(deployment)
      const bystanders = await createBystanders(deployment, family)
      await set(family.id, family.user_id)
      const before = await rowOf(deployment, family.id)
      expect(await refused(signet, family.refresh_token)).toEqual(INVALID_GRANT)
      expect(await rowOf(deployment, family.id)).toEqual(before)
      await undo(family.id, family.user_id)
      await rotated(signet, family.refresh_token)
      return { family, bystanders }
    }

    it('when the family is revoked', async () => {
      const { bystanders } = await deniedWhile(
        id => deployment.database.sql`update refresh_families set revoked_at = now() where id = ${id}`,
        id => deployment.database.sql`update refresh_families set revoked_at = null where id = ${id}`,
      )
      await bystanders.expectAlive(signet)
    })

    it('when the idle time has passed', async () => {
      await deniedWhile(
        id => deployment.database.sql`update refresh_families set idle_expires_at = now() where id = ${id}`,
        id =>
          deployment.database
            .sql`update refresh_families set idle_expires_at = now() + interval '1 minute' where id = ${id}`,
      )
    })

    it('when the family has expired, in spite of its use', async () => {
      await deniedWhile(
        id => deployment.database.sql`update refresh_families set expires_at = now() where id = ${id}`,
        id =>
          deployment.database
            .sql`update refresh_families set expires_at = now() + interval '1 minute' where id = ${id}`,
      )
    })

    it('when the credential epoch has been raised', async () => {
      const { bystanders } = await deniedWhile(
        (_, user_id) =>
          deployment.database
            .sql`update users set credential_epoch = credential_epoch + 1 where id = ${user_id}`,
        (_, user_id) =>
          deployment.database
            .sql`update users set credential_epoch = credential_epoch - 1 where id = ${user_id}`,
      )
      await bystanders.expectAlive(signet)
    })

    it('while the account is disabled', async () => {
      await deniedWhile(
        (_, user_id) => deployment.database.sql`update users set disabled_at = now() where id = ${user_id}`,
        (_, user_id) => deployment.database.sql`update users set disabled_at = null where id = ${user_id}`,
      )
    })

    it('when the family is bound to a key that the sender does not prove', async () => {
      await deniedWhile(
        id => deployment.database.sql`update refresh_families set sender_key = 'thumbprint' where id = ${id}`,
        id => deployment.database.sql`update refresh_families set sender_key = null where id = ${id}`,
      )
    })

    it('from another client, whose attempts never end the family, not even with a spent token (RFC 6749 §6)', async () => {
      const family = await seedFamily(deployment)
      const next = await rotated(signet, family.refresh_token)
      for (const token of [family.refresh_token, next, family.tokenAt(7)]) {
        expect(await refused(signet, token, { client_id: 'grace-app' })).toEqual(INVALID_GRANT)
        expect(await refused(signet, token, { headers: CONFIDENTIAL })).toEqual(INVALID_GRANT)
      }
      await rotated(signet, next)
    })

    it('for an unknown family, and for a token under a foreign pepper', async () => {
      const position = { family_id: uuidv7(), user_id: null, salt: randomBytes(16), generation: 0 }
      for (const pepper of [deployment.pepper, createPepperText()]) {
        expect(await refused(signet, refreshTokenAt(position, pepperOf(pepper)))).toEqual(INVALID_GRANT)
      }
    })

    it('for a wrong salt under a valid MAC, with an alert, as a pepper has leaked', async () => {
      const family = await seedFamily(deployment)
      const bystanders = await createBystanders(deployment, family)
      for (const generation of [0, 1, 5]) {
        const token = family.tokenAt(generation, { salt: randomBytes(16) })
        expect(await refused(signet, token)).toEqual(INVALID_GRANT)
      }
      expect(alerts(family.id)).toHaveLength(3)
      await rotated(signet, family.refresh_token)
      await bystanders.expectAlive(signet)
    })
  })

  describe('rotated, for the current token', () => {
    it('issues a successor of the next generation and an access token', async () => {
      const family = await seedFamily(deployment)
      let token: string = family.refresh_token
      const seen = new Set([token])
      for (let generation = 1; generation <= 5; generation++) {
        const { status, body } = await refresh(signet, token)
        expect(status).toBe(200)
        expect(await isActive(signet, body.access_token)).toBe(true)
        token = body.refresh_token
        seen.add(token)
        expect(token).toBe(family.tokenAt(generation))
        expect((await rowOf(deployment, family.id)).generation).toBe(generation)
      }
      expect(seen.size).toBe(6)
    })
  })

  describe('RFC 9700 §4.14.2 – reused, for an older token', () => {
    it.each([1, 2, 5])(
      'ends the family and its access tokens, %i generations later, and nothing else',
      async age => {
        const family = await seedFamily(deployment)
        const bystanders = await createBystanders(deployment, family)
        let token: string = family.refresh_token
        let access_token = ''
        for (let turn = 0; turn < age; turn++) {
          const { body } = await refresh(signet, token)
          token = body.refresh_token
          access_token = body.access_token
        }
        expect(await isActive(signet, access_token)).toBe(true)
        expect(await refused(signet, family.refresh_token)).toEqual(INVALID_GRANT)
        expect(await isActive(signet, access_token)).toBe(false)
        expect(await refused(signet, token)).toEqual(INVALID_GRANT)
        expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
        const entries = await deployment.database.sql`select kind from revocations where value = ${family.id}`
        expect(entries).toHaveLength(1)
        expect(alerts(family.id)).toHaveLength(1)
        await bystanders.expectAlive(signet)
      },
    )
  })

  describe('forged, for a token that was never issued', () => {
    it.each([1, 2, 2 ** 31 - 1, 2 ** 32 - 1])(
      'ends the family for a token %i generations ahead',
      async ahead => {
        const family = await seedFamily(deployment)
        const bystanders = await createBystanders(deployment, family)
        expect(await refused(signet, family.tokenAt(ahead))).toEqual(INVALID_GRANT)
        expect((await rowOf(deployment, family.id)).revoke_reason).toBe('forged')
        expect(alerts(family.id)).toHaveLength(1)
        expect(await refused(signet, family.refresh_token)).toEqual(INVALID_GRANT)
        await bystanders.expectAlive(signet)
      },
    )

    it('ends the family for the current generation with another digest', async () => {
      const family = await seedFamily(deployment)
      await deployment.database
        .sql`update refresh_families set token_digest = ${randomBytes(32)} where id = ${family.id}`
      expect(await refused(signet, family.refresh_token)).toEqual(INVALID_GRANT)
      expect((await rowOf(deployment, family.id)).revoke_reason).toBe('forged')
      expect(alerts(family.id)).toHaveLength(1)
    })

    it('ends the family after the database was set back to before a rotation', async () => {
      const family = await seedFamily(deployment)
      const next = await rotated(signet, family.refresh_token)
      await deployment.database
        .sql`update refresh_families set generation = 0, token_digest = ${randomBytes(32)} where id = ${family.id}`
      expect(await refused(signet, next)).toEqual(INVALID_GRANT)
      expect((await rowOf(deployment, family.id)).revoke_reason).toBe('forged')
    })
  })
})
