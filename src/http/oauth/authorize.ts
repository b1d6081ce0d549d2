import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Authorize } from '../../flows/oauth/authorize.ts'
import { type Interactions, seeOther } from '../hosted/interactions.ts'
import type { ReplyWith } from '../hosted/progress.ts'
import { readFormText } from '../server/body.ts'
import { isPrefetch, NOT_NOW } from '../server/prefetch.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'

type Needs = Readonly<{ authorize: Authorize; interactions: Interactions; replyWith: ReplyWith }>

/** RFC 6749 §3.1 – The authorization endpoint, by GET and by POST. */
export const authorizeRoutes = (needs: Needs): readonly Route[] => [
  { ...AUTHORIZE, method: 'GET', handle: byGet(needs) },
  { ...AUTHORIZE, method: 'POST', handle: byPost(needs) },
]

const AUTHORIZE = { path: '/authorize', cors: 'nobody', errors: 'redirect' } as const

const byGet =
  (needs: Needs): Handle =>
  async call =>
    isPrefetch(call) ? NOT_NOW : begin(needs, call, new URL(call.context.req.url).search.slice(1))

/**
 * OpenID Connect Core §3.1.2.1 – The same by POST. Ours: a POST from another site comes without our cookies, which are SameSite=Lax, so
 * that the browser is sent on to the same by GET.
 */
const byPost =
  (needs: Needs): Handle =>
  async call => {
    const text = await readFormText(call)
    const site = call.header('sec-fetch-site')
    if (site === undefined || site === 'same-origin' || site === 'none') return begin(needs, call, text)
    if (text.length > ADDRESS_MAX_CHARACTERS) throw new OAuthError('body_too_large')
    return seeOther(`/authorize?${text}`)
  }

const ADDRESS_MAX_CHARACTERS = 6_144

const begin = async (
  { authorize, interactions, replyWith }: Needs,
  call: Call,
  query: string,
): Promise<Reply> => {
  const progress = await authorize.begin(query, interactions.presentedSession(call))
  return replyWith(call, progress, interactions.begin(null))
}
