import { QUERY_MAX_CHARACTERS } from '../../domain/authorization/authorization-request.ts'
import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Authorize } from '../../flows/oauth/authorize.ts'
import { type Interactions, seeOther } from '../hosted/interactions.ts'
import type { ReplyWith } from '../hosted/progress.ts'
import { sendOnPage } from '../pages/form-post.ts'
import { ADDRESS_MAX_CHARACTERS } from '../pages/request-link.ts'
import { readFormText } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { pageReply } from '../server/page-reply.ts'
import { onVisit } from '../server/prefetch.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'

type Needs = Readonly<{ authorize: Authorize; interactions: Interactions; replyWith: ReplyWith; csrf: Csrf }>

/** RFC 6749 §3.1 – The authorization endpoint, by GET and by POST. */
export const authorizeRoutes = (needs: Needs): readonly Route[] => [
  { ...AUTHORIZE, method: 'GET', handle: onVisit(byGet(needs)) },
  { ...AUTHORIZE, method: 'POST', handle: byPost(needs) },
]

const AUTHORIZE = { path: '/authorize', cors: 'none', errors: 'redirect' } as const

const byGet =
  (needs: Needs): Handle =>
  async call =>
    begin(needs, call, new URL(call.context.req.url).search.slice(1))

/**
 * OpenID Connect Core §3.1.2.1 – The same by POST. Ours: a POST from another site comes without our cookies, which are SameSite=Lax, so
 * that the browser is sent on to the same by GET. The parameters are written anew: what the other page sent may hold characters that no
 * Location may hold.
 */
const byPost =
  (needs: Needs): Handle =>
  async call => {
    const text = await readFormText(call)
    if (!needs.csrf.isOfAnotherPage(call)) return begin(needs, call, text)
    const query = new URLSearchParams(text).toString()
    if (query.length > QUERY_MAX_CHARACTERS)
      throw new Problem('AUTHORIZATION_REQUEST_INVALID', { reason: 'request_too_long' })
    const address = `/authorize?${query}`
    return address.length > ADDRESS_MAX_CHARACTERS ? sendOn(call, text) : seeOther(address)
  }

/**
 * A page whose form posts the parameters again, from this origin, so that the browser sends the cookies of this origin with them. The
 * redirect URI is not proved yet: the policy of the page names schemes alone.
 */
const sendOn = (call: Call, text: string): Reply => {
  const parameters = [...new URLSearchParams(text)]
  const redirect_uri = parameters.find(([name]) => name === 'redirect_uri')?.[1] ?? ''
  const scheme = URL.canParse(redirect_uri) ? new URL(redirect_uri).protocol : 'https:'
  const page = sendOnPage({ action: '/authorize', parameters, form_targets: ['https:', 'http:', scheme] })
  return pageReply(call, 200, page)
}

const begin = async (
  { authorize, interactions, replyWith }: Needs,
  call: Call,
  query: string,
): Promise<Reply> => {
  const progress = await authorize.begin({
    query,
    presented: interactions.presentedSession(call),
    limit_key: limitKeyOf(call.ip),
  })
  return replyWith(call, progress, interactions.begin(null))
}
