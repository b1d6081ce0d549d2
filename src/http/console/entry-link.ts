import type { Account } from '../../domain/account/account.ts'
import { type Digest, digestOf, type Plain, sameDigest } from '../../domain/base/digest.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { OpenSignIn } from '../../flows/sign-in/open-sign-in.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import { notSignedInPage } from '../console-pages/refused.ts'
import { seeOther } from '../hosted/interactions.ts'
import { onVisit } from '../server/prefetch.ts'
import { requestSourceOf } from '../server/request-source.ts'
import type { Handle, Route } from '../server/route.ts'
import type { ConsoleParty } from './relying-party.ts'
import { CONSOLE_ROUTE, consoleReply } from './reply.ts'
import type { Visiting, VisitingNeeds } from './visiting.ts'

type Needs = Readonly<{
  openSignIn: OpenSignIn
  /** The developer's account as it is now. Null where it is gone, or administers nothing any more. */
  findAccount: () => Promise<Account | null>
  client: Client
  party: ConsoleParty
  clock: Clock
  random: Random
  console_url: string
}>

const KEY_BYTES = 32
const LIFE_SECONDS = 600

/**
 * Ours (docs/decisions/0058) – The link that a start on the embedded database prints: it signs the developer in to the console once, within
 * ten minutes. The key is in the memory of this process alone.
 */
export const createEntryLink = (needs: Needs) => {
  const { openSignIn, findAccount, client, party, clock, random } = needs
  const key = Buffer.from(random.bytes(KEY_BYTES)).toString('base64url')
  const expires_at = clock().getTime() + LIFE_SECONDS * 1000
  let pending: Digest<'entry_key'> | null = digestOf(key as Plain<'entry_key'>)

  /** True once. A wrong key spends nothing: a stranger's guess must not take the link away. */
  const spend = (given: string): boolean => {
    const isRight = pending !== null && sameDigest(pending, digestOf(given as Plain<'entry_key'>))
    if (isRight) pending = null
    return isRight && clock().getTime() < expires_at
  }
  return {
    url: `${needs.console_url}${PATH}?key=${key}`,

    /** Null where the link was used, or has expired. */
    enter: async (given: string, asked: Pick<Parameters<OpenSignIn>[0], 'source'>) => {
      const account = spend(given) ? await findAccount() : null
      if (account === null) return null
      const how = { amr: [], refresh_transport: 'body', resources: [] } as const
      const { sid, tokens } = await openSignIn({ ...how, ...asked, account, client })
      return party.enter(tokens, { sid, email: account.email })
    },
  }
}

export type EntryLink = ReturnType<typeof createEntryLink>

const PATH = '/console/enter'

/** Absent where no link was printed: an unknown key is answered in the same way. */
export const entryLinkRoute = (
  { visits, link }: Pick<VisitingNeeds, 'visits'> & Readonly<{ link: EntryLink | null }>,
  { guard }: Visiting,
): Route => {
  const enter: Handle = async call => {
    const key = call.context.req.query('key') ?? ''
    const visit = link && (await link.enter(key, { source: requestSourceOf(call) }))
    if (visit === null) return consoleReply(call, 400, notSignedInPage({ error: 'link_used_or_expired' }))
    return { ...seeOther('/console'), cookies: [visits.write(visit)], log: { sid: visit.sid } }
  }
  return { ...CONSOLE_ROUTE, method: 'GET', path: PATH, handle: guard(onVisit(enter)) }
}
