import { PROFILE_FIELDS, type ProfileField, type ProfileFields } from '../../domain/account/profile.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import type { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import type { Applications } from '../../flows/account/applications.ts'
import type { OwnProfile } from '../../flows/account/own-profile.ts'
import type { Devices } from '../../flows/sign-in/devices.ts'
import type { SignIns } from '../../flows/sign-in/sign-ins.ts'
import type { Clock } from '../../ports/effects.ts'
import { pageReply } from '../server/page-reply.ts'
import { answeringProblems } from '../server/refusal.ts'
import type { Reply, Route } from '../server/route.ts'
import { applicationsPage } from './applications-page.ts'
import { createConfirming } from './confirming.ts'
import { devicesPage } from './devices-page.ts'
import { askForLink, EMAIL_PATH, showEmail } from './email.ts'
import {
  DELETED_PATH,
  deleteOwnAccount,
  downloadOwnData,
  showAccountDeleted,
  showDeletion,
  showOwnData,
} from './own-data.ts'
import { profilePage } from './profile-page.ts'
import { type Act, again, createVisits, frameOf, type Show } from './visit.ts'

type Needs = Readonly<{
  ownProfile: OwnProfile
  applications: Applications
  signIns: SignIns
  /** SCOPES_FILE, as it is now. */
  scopes: () => ScopeCatalogue
  devices: Devices
  clock: Clock
}> &
  Parameters<typeof createVisits>[0] &
  Parameters<typeof createConfirming>[0] &
  Parameters<typeof showEmail>[0] &
  Parameters<typeof deleteOwnAccount>[0]

const common = { cors: 'none', errors: 'page' } as const

/** Ours – The account page: what a person sees of their account and does with it, a path for each tab. */
export const accountPageRoutes = (needs: Needs): readonly Route[] => {
  const { showing, acting } = createVisits(needs)
  const [profile, devices, applications] = [
    showProfile(needs),
    showDevices(needs),
    showApplications(needs),
  ] as const
  return [
    { ...common, method: 'GET', path: '/account', handle: showing(profile) },
    { ...common, method: 'POST', path: '/account', handle: acting(saveProfile(needs)) },
    { ...common, method: 'GET', path: '/account/devices', handle: showing(devices) },
    { ...common, method: 'POST', path: '/account/devices', handle: acting(endSignIns(needs)) },
    { ...common, method: 'GET', path: '/account/applications', handle: showing(applications) },
    { ...common, method: 'POST', path: '/account/applications', handle: acting(withdrawConsent(needs)) },
    ...emailRoutes(needs),
    ...dataRoutes(needs),
  ]
}

const emailRoutes = (needs: Needs): readonly Route[] => {
  const { showing, acting } = createVisits(needs)
  const confirming = createConfirming(needs)
  return [
    { ...common, method: 'GET', path: EMAIL_PATH, handle: showing(confirming(showEmail(needs))) },
    { ...common, method: 'POST', path: EMAIL_PATH, handle: acting(confirming(askForLink(needs))) },
  ]
}

const dataRoutes = (needs: Needs): readonly Route[] => {
  const { showing, acting } = createVisits(needs)
  const confirming = createConfirming(needs)
  const [data, deletion] = ['/account/data', '/account/data/delete'] as const
  return [
    { ...common, method: 'GET', path: data, handle: showing(showOwnData(needs)) },
    { ...common, method: 'POST', path: data, handle: acting(confirming(downloadOwnData(needs))) },
    { ...common, method: 'GET', path: deletion, handle: showing(confirming(showDeletion(needs))) },
    { ...common, method: 'POST', path: deletion, handle: acting(confirming(deleteOwnAccount(needs))) },
    { ...common, method: 'GET', path: DELETED_PATH, handle: showAccountDeleted },
  ]
}

const showProfile =
  ({ ownProfile, sendLinks }: Needs): Show =>
  async (call, visit) => {
    const person = await ownProfile.read(visit.actor)
    const isSaved = call.context.req.query('saved') !== undefined
    const mail = { isMailOn: !sendLinks.isOff, isMailed: call.context.req.query('mailed') !== undefined }
    const fields = fieldsOf(name => person[name] ?? '')
    const frame = frameOf(person, visit)
    return pageReply(call, 200, profilePage({ frame, fields, faults: [], isSaved, ...mail }))
  }

const saveProfile =
  ({ ownProfile, sendLinks }: Needs): Act =>
  async (call, visit, form) => {
    const fields = fieldsOf(name => form.get(name) ?? '')
    const save = async () => {
      await ownProfile.change(visit.actor, fields)
      return again(call, '/account?saved=')
    }
    const showAgain = async (problem: Problem): Promise<Reply | null> => {
      const faults = PROFILE_FIELDS.filter(name =>
        problem.errors.some(({ pointer }) => pointer === `#/${name}`),
      )
      if (faults.length === 0) return null
      const [status] = PROBLEMS[problem.code]
      const frame = frameOf(await ownProfile.read(visit.actor), visit)
      const mail = { isMailOn: !sendLinks.isOff, isMailed: false }
      return pageReply(call, status, profilePage({ frame, fields, faults, isSaved: false, ...mail }))
    }
    return answeringProblems(save, showAgain)(call)
  }

const fieldsOf = (valueOf: (name: ProfileField) => string): ProfileFields => ({
  name: valueOf('name'),
  given_name: valueOf('given_name'),
  family_name: valueOf('family_name'),
  preferred_username: valueOf('preferred_username'),
  picture: valueOf('picture'),
  locale: valueOf('locale'),
  zoneinfo: valueOf('zoneinfo'),
})

const showDevices =
  ({ ownProfile, signIns, devices, applications, clock }: Needs): Show =>
  async (call, visit) => {
    const { session_id } = visit
    const { account } = visit.actor
    const [person, list, browsers] = await Promise.all([
      ownProfile.read(visit.actor),
      signIns.list(visit.actor),
      devices.listWithoutSignIn({ account, session_id }),
    ])
    const named = await Promise.all(
      list.map(async signIn => ({ ...signIn, application: await applications.nameOf(signIn.client_id) })),
    )
    const frame = frameOf(person, visit)
    return pageReply(call, 200, devicesPage({ frame, signIns: named, browsers, session_id, now: clock() }))
  }

/** One sign-in or browser, or all but this browser. */
const endSignIns =
  ({ signIns, devices }: Needs): Act =>
  async (call, { actor, session_id, next_cookie }, form) => {
    const id = form.get('end')
    if (form.get('end_others') !== undefined) {
      await signIns.endOthers(actor)
      return { ...again(call, '/account/devices'), cookies: [next_cookie] }
    }
    if (id !== undefined) await devices.end({ account: actor.account, session_id }, id)
    return again(call, '/account/devices')
  }

const showApplications =
  ({ ownProfile, applications, scopes }: Needs): Show =>
  async (call, visit) => {
    const { actor } = visit
    const [person, list] = await Promise.all([ownProfile.read(actor), applications.list(actor)])
    return pageReply(
      call,
      200,
      applicationsPage({ frame: frameOf(person, visit), applications: list, catalogue: scopes() }),
    )
  }

const withdrawConsent =
  ({ applications }: Needs): Act =>
  async (call, { actor }, form) => {
    const client_id = form.get('withdraw')
    if (client_id !== undefined) await applications.withdraw(actor, client_id)
    return again(call, '/account/applications')
  }
