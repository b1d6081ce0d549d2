import { normalizeEmail } from '../../domain/account/account.ts'
import type { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import type { DeleteAccount } from '../../flows/account/delete-account.ts'
import type { ExportAccount } from '../../flows/account/export-account.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import { type Interactions, seeOther } from '../hosted/interactions.ts'
import { inLanguage } from '../layout/layout.ts'
import type { Cookie } from '../server/cookies.ts'
import { languageFor } from '../server/language.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import { type Handle, json, NO_STORE } from '../server/route.ts'
import { accountDeletedPage, type DeletionFault, deletionPage, ownDataPage } from './own-data-page.ts'
import { proofInSession } from './own-proof.ts'
import { type Act, again, frameOf, type Show } from './visit.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  exportAccount: ExportAccount
  deleteAccount: DeleteAccount
  interactions: Pick<Interactions, 'forgetSession'>
  deviceCookie: Cookie
}>

export const DELETED_PATH = '/account/deleted'

export const showOwnData =
  ({ ownProfile }: Needs): Show =>
  async (call, visit) => {
    const frame = frameOf(await ownProfile.read(visit.actor), visit)
    return pageReply(call, 200, ownDataPage({ frame, wait_seconds: null }))
  }

const ATTACHMENT = { ...NO_STORE, 'Content-Disposition': 'attachment; filename="account.json"' }

/** GDPR art. 15, 20 – The same file as GET /auth/me/export. The session of a browser that was left open hours ago does not get it. */
export const downloadOwnData =
  ({ ownProfile, ownSecurity, exportAccount }: Needs): Act =>
  async (call, visit) => {
    const { actor } = visit
    ownSecurity.requireFresh(actor, await ownSecurity.find(actor))
    const download = async () => json(200, await exportAccount(actor), ATTACHMENT)
    return answeringProblems(download, async ({ code, retry_after_seconds: wait_seconds }) => {
      if (code !== 'RATE_LIMITED') return null
      const frame = frameOf(await ownProfile.read(actor), visit)
      const [status] = PROBLEMS[code]
      return pageReply(call, status, ownDataPage({ frame, wait_seconds }))
    })(call)
  }

/** Asks before the account is deleted. */
export const showDeletion =
  ({ ownProfile, ownSecurity }: Needs): Show =>
  async (call, visit) => {
    const { actor } = visit
    ownSecurity.requireFresh(actor, await ownSecurity.find(actor))
    const frame = frameOf(await ownProfile.read(actor), visit)
    return pageReply(call, 200, deletionPage({ frame, email: '', fault: null }))
  }

/** The person types their address: a deletion cannot be undone, and a button is pressed too easily. */
export const deleteOwnAccount =
  ({ ownProfile, deleteAccount, interactions, deviceCookie }: Needs): Act =>
  async (call, visit, form) => {
    const { actor } = visit
    const email = form.get('email') ?? ''
    const showAgain = async (fault: DeletionFault, status: number) => {
      const frame = frameOf(await ownProfile.read(actor), visit)
      return pageReply(call, status, deletionPage({ frame, email, fault }))
    }
    if (normalizeEmail(email) !== actor.account.email) {
      const [status] = PROBLEMS.FIELDS_INVALID
      return showAgain({ kind: 'another_address' }, status)
    }
    const remove = async () => {
      await deleteAccount(actor, proofInSession(call, deviceCookie))
      const known = deviceCookie.read(call) === null ? [] : [deviceCookie.clear]
      return {
        ...seeOther(inLanguage(DELETED_PATH, languageFor(call))),
        cookies: [interactions.forgetSession, ...known],
      }
    }
    return answeringProblems(remove, async problem => {
      // Another request has ended the session, or deleted the account, at the same moment.
      if (problem.code === 'AUTH_TOKEN_INVALID') return again(call, '/account/data/delete')
      const fault = faultOf(problem)
      return fault === null ? null : showAgain(fault, PROBLEMS[problem.code][0])
    })(call)
  }

const faultOf = ({ code, retry_after_seconds }: Problem): DeletionFault | null =>
  code === 'RATE_LIMITED' && retry_after_seconds !== null ? { kind: 'wait', retry_after_seconds } : null

/** For a person who has no account any more. It says the same to every browser. */
export const showAccountDeleted: Handle = async call => pageReply(call, 200, accountDeletedPage)
