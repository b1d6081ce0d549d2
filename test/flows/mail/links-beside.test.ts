import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sidOf, signUp } from '../../support/accounts/account-api.ts'
import {
  changeEmail,
  type Post,
  reset,
  resetToken,
  SUBJECTS,
  startWithMail,
  verify,
} from '../../support/accounts/mail.ts'
import { PASSWORD } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Database, untilWaitingForLock } from '../../support/database.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'
import { linkIn } from '../../support/services/mailbox.ts'

describe.skipIf(!hasPostgres)('a mailed link that races another change', () => {
  let deployment: Deployment
  let post: Post
  let database: Database
  beforeAll(async () => {
    deployment = await openDeployment([])
    post = await startWithMail(deployment)
    database = deployment.database
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })

  it('ends a sign-in that it had to wait for, in the feed too', async () => {
    const email = 'beside@link.example'
    const tokens = await signUp(post.signet, email)
    const token = await resetToken(post, email)
    const late = uuidv7()
    // A sign-in on another instance, held open just before its commit.
    const pending = await database.sql.begin(async signIn => {
      await signIn`select from users where id = ${tokens.user.id} for share`
      const resetting = reset(post.signet, token)
      await untilWaitingForLock(database)
      await signIn`
        insert into refresh_families (
          id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
          idle_expires_at, expires_at
        )
        select ${late}, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
          idle_expires_at, expires_at
        from refresh_families where user_id = ${tokens.user.id} and id = ${sidOf(tokens)}`
      return { resetting }
    })
    expect(await pending.resetting).toBe('204')
    const entries = await database.sql`select from revocations where value in (${late}, ${sidOf(tokens)})`
    expect(entries).toHaveLength(2)
  })

  it.each(['verification', 'reset', 'change'] as const)(
    'waits for the deletion of its account, and is then refused: %s',
    async kind => {
      const email = `${kind}@gone.example`
      const { access_token, user } = await signUp(post.signet, email)
      const linkTo = async (address: string, subject: RegExp) =>
        linkIn(await post.mailbox.mailTo(address, subject)).token
      const mailed = {
        verification: () => linkTo(email, SUBJECTS.verify),
        reset: () => resetToken(post, email),
        change: async () => {
          const fields = { current_password: PASSWORD, new_email: `new-${email}` }
          expect(await changeEmail(post.signet, { access_token }, fields)).toBe('202')
          return linkTo(`new-${email}`, SUBJECTS.change)
        },
      }
      const token = await mailed[kind]()
      const pending = await database.sql.begin(async deletion => {
        await deletion`select from users where id = ${user.id} for no key update`
        const followed = (kind === 'reset' ? reset : verify)(post.signet, token)
        await untilWaitingForLock(database)
        await deletion`delete from users where id = ${user.id}`
        return { followed }
      })
      expect(await pending.followed).toBe('400 LINK_INVALID')
    },
  )
})
