import { notSignedInPage, signedOutOfConsolePage } from '../console-pages/refused.ts'
import { seeOther } from '../hosted/interactions.ts'
import { onVisit } from '../server/prefetch.ts'
import { requestSourceOf } from '../server/request-source.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'
import { readConsoleFields } from './fields.ts'
import { CONSOLE_ROUTE, consoleReply } from './reply.ts'
import { requireOwnForm, type Visiting, type VisitingNeeds } from './visiting.ts'

type Needs = VisitingNeeds & Readonly<{ visiting: Visiting }>

/** The redirect URI of the console, and its sign-out. */
export const consoleSignInRoutes = (needs: Needs): readonly Route[] => {
  const { guard } = needs.visiting
  return [
    { ...CONSOLE_ROUTE, method: 'GET', path: '/console/callback', handle: guard(onVisit(takeAnswer(needs))) },
    { ...CONSOLE_ROUTE, method: 'POST', path: '/console/sign-out', handle: guard(signOut(needs)) },
  ]
}

/** RFC 6749 §4.1.2 – An answer that this browser did not ask for redeems nothing, and neither does one that is opened again. */
const takeAnswer =
  (needs: Needs): Handle =>
  async call => {
    const { visits, party } = needs
    const query = (name: string) => call.context.req.query(name)
    const visit = visits.find(call)
    const returned = { state: query('state'), iss: query('iss'), code: query('code'), error: query('error') }
    const state = visit === null ? null : party.stateOf(returned, visit.browser)
    if (visit === null || state === null) return refused(call, 'invalid_state')
    if (visit.stage === 'signed_in') return seeOther(state.path)
    if (returned.code === undefined) return refused(call, returned.error ?? 'server_error')
    const signedIn = await party.redeem(returned.code, state, {
      browser: visit.browser,
      source: requestSourceOf(call),
    })
    if (signedIn === null) return refused(call, 'invalid_grant')
    const { sid } = signedIn
    if (!visits.isKept(signedIn)) {
      await party.signOut(signedIn)
      return refused(call, 'token_too_long')
    }
    return { ...seeOther(state.path), cookies: [visits.write(signedIn)], log: { sid } }
  }

const refused = (call: Call, error: string): Reply => consoleReply(call, 400, notSignedInPage({ error }))

const signOut =
  (needs: Needs): Handle =>
  async call => {
    const { visits, party, issuer } = needs
    const fields = await readConsoleFields(call)
    const visit = visits.find(call)
    if (visit?.stage === 'signed_in') {
      requireOwnForm(needs, visit, fields)
      await party.signOut(visit)
    }
    return {
      ...consoleReply(call, 200, signedOutOfConsolePage({ issuer, isUnsaved: false })),
      cookies: [visits.clear],
    }
  }
