import { z } from 'zod'
import { describeDevice } from '../../domain/base/user-agent.ts'
import { parseAttestation, parsePasskeyLabel } from '../../domain/factors/attestation.ts'
import type { PasskeyCreation } from '../../domain/factors/passkey.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS, type ProblemCode } from '../../domain/refusals/problem-codes.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { OwnSecurity } from '../../flows/factors/own-security.ts'
import type { PasskeyEnrolment } from '../../flows/factors/passkey-enrolment.ts'
import { proofInSession } from '../account-pages/own-proof.ts'
import { type Act, again, frameOf, type Show, type Visit } from '../account-pages/visit.ts'
import type { SessionForms } from '../hosted/session-forms.ts'
import type { Cookie } from '../server/cookies.ts'
import { languageFor } from '../server/language.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import { requestSourceOf } from '../server/request-source.ts'
import type { Call, Reply } from '../server/route.ts'
import { SECURITY_PATH } from './parts.ts'
import { type NewPasskeyFault, newPasskeyPage, passkeyNamePage } from './passkey-pages.ts'
import { replyWithCodes } from './recovery-codes.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  ownSecurity: OwnSecurity
  passkeyEnrolment: PasskeyEnrolment
  sessionForms: SessionForms
  deviceCookie: Cookie
}>

/** What the hidden field of the page holds: the enrolment that the new passkey answers to. */
const ENROLMENT = z.object({ handle: z.string() })

type Here = Readonly<{ call: Call; visit: Visit }>
type Shown = Readonly<{
  status: number
  enrolment: Readonly<{ handle: string; passkey: PasskeyCreation }>
  label: string
  fault: NewPasskeyFault | null
}>

/** WebAuthn Level 3 §7.1 – The page whose script lets the device make a passkey. */
export const showNewPasskey =
  (needs: Needs): Show =>
  async (call, visit) => {
    const { ownSecurity } = needs
    ownSecurity.requireFresh(visit.actor, await ownSecurity.find(visit.actor))
    const here = { call, visit }
    return answeringProblems(
      () => begin(needs, here, { status: 200, label: deviceOf(call), fault: null }),
      async ({ code }) => (code === 'FACTOR_EXISTS' ? showFull(needs, here) : null),
    )(call)
  }

/** The name of a passkey, unless the person gives it another one. */
const deviceOf = (call: Call): string => describeDevice(requestSourceOf(call).user_agent, languageFor(call))

const begin = async (needs: Needs, here: Here, shown: Omit<Shown, 'enrolment'>): Promise<Reply> => {
  const { call, visit } = here
  const enrolment = await needs.passkeyEnrolment.begin(visit.actor, proofInSession(call, needs.deviceCookie))
  return show(needs, here, { ...shown, enrolment })
}

const show = async (
  { ownProfile, sessionForms }: Needs,
  { call, visit }: Here,
  { status, enrolment: { handle, passkey }, label, fault }: Shown,
): Promise<Reply> => {
  const frame = frameOf(await ownProfile.read(visit.actor), visit)
  const sealed = sessionForms.seal('account', visit.session, { handle })
  return pageReply(call, status, newPasskeyPage({ frame, sealed, passkey, label, fault }))
}

/** An account that has as many passkeys as it may have. */
const showFull = async ({ ownProfile }: Needs, { call, visit }: Here): Promise<Reply> => {
  const frame = frameOf(await ownProfile.read(visit.actor), visit)
  const page = newPasskeyPage({ frame, sealed: visit.sealed, passkey: null, label: '', fault: 'exists' })
  return pageReply(call, PROBLEMS.FACTOR_EXISTS[0], page)
}

/** The refusals after which another passkey may be tried, under a new challenge. */
const FAULTS: Readonly<Partial<Record<ProblemCode, NewPasskeyFault>>> = {
  FIELDS_INVALID: 'refused',
  AUTH_CEREMONY_OVER: 'refused',
  FACTOR_EXISTS: 'exists',
}

export const addPasskey =
  (needs: Needs): Act =>
  async (call, visit, form) => {
    const parsed = ENROLMENT.safeParse(visit.content)
    if (!parsed.success) throw new Problem('PAGE_FOREIGN', { reason: 'session_of_another_page' })
    const { handle } = parsed.data
    const here = { call, visit }
    // The device has its passkey by now: a name that cannot be used does not cost the person another one.
    const label = parsePasskeyLabel(form.get('label') ?? '') ?? deviceOf(call)
    const add = async () => {
      const attestation = parseAttestation(form.get('passkey') ?? '')
      if (attestation === null) throw new Problem('FIELDS_INVALID', { reason: 'factor_unproven' })
      const given = { handle, attestation, label }
      const { recovery_codes } = await needs.passkeyEnrolment.confirm(visit.actor, given)
      return replyWithCodes(needs, here, recovery_codes)
    }
    return answeringProblems(add, async ({ code }) => {
      const fault = FAULTS[code]
      if (fault === undefined) return null
      return begin(needs, here, { status: PROBLEMS[code][0], label, fault })
    })(call)
  }

/** The passkey that an address names; null where the person has none of that id. */
const findNamed = async ({ ownSecurity }: Pick<Needs, 'ownSecurity'>, { call, visit }: Here) => {
  const { passkeys } = await ownSecurity.find(visit.actor)
  return passkeys.find(({ id }) => id === call.context.req.param('id')) ?? null
}

export const showPasskeyName =
  (needs: Pick<Needs, 'ownProfile' | 'ownSecurity'>): Show =>
  async (call, visit) => {
    const passkey = await findNamed(needs, { call, visit })
    if (passkey === null) return again(call, SECURITY_PATH)
    const frame = frameOf(await needs.ownProfile.read(visit.actor), visit)
    return pageReply(call, 200, passkeyNamePage({ ...passkey, frame, isWrong: false }))
  }

/** A name changes nothing about how the person signs in: no proof is asked for, and no mail is sent. */
export const savePasskeyName =
  (needs: Pick<Needs, 'ownProfile' | 'ownSecurity'>): Act =>
  async (call, visit, form) => {
    const passkey = await findNamed(needs, { call, visit })
    if (passkey === null) return again(call, SECURITY_PATH)
    const { id } = passkey
    const typed = form.get('label') ?? ''
    const label = parsePasskeyLabel(typed)
    if (label === null) {
      const frame = frameOf(await needs.ownProfile.read(visit.actor), visit)
      return pageReply(call, 422, passkeyNamePage({ frame, id, label: typed, isWrong: true }))
    }
    await needs.ownSecurity.renamePasskey(visit.actor, { id, label })
    return again(call, `${SECURITY_PATH}?done=renamed`)
  }
