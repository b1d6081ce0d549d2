import type { Account } from '../../domain/account/account.ts'
import { isUuid } from '../../domain/base/uuid.ts'
import type { SessionDevice } from '../../domain/sign-in/sign-in.ts'
import type { BrowserSessions } from '../../ports/authorization.ts'
import type { Limit } from '../../ports/limits.ts'
import { requireAllowance } from '../access/require-allowance.ts'

type Needs = Readonly<{
  browserSessions: BrowserSessions
  /** Endings by one browser: a thief of it must not end the sign-ins as fast as their owner opens them. */
  endingLimit: Limit
}>

/** A person in the browser in which they look at their account. */
type Here = Readonly<{ account: Account; session_id: string }>

/** Ours – The browsers in which a person is signed in on the pages. */
export const createDevices = ({ browserSessions, endingLimit }: Needs) => ({
  /** The browsers in which the person is signed in to no application, this browser first where it is among them. */
  listWithoutSignIn: async ({ account, session_id }: Here): Promise<readonly SessionDevice[]> => {
    const devices = await browserSessions.listWithoutSignIn(account.id)
    const isHere = ({ id }: SessionDevice) => id === session_id
    return [...devices.filter(isHere), ...devices.filter(device => !isHere(device))]
  },

  /**
   * Ends the sign-in or the browser session that has the id. A sign-in of another browser ends with that browser's session, which would
   * open it again without the person. Nothing happens where it has ended meanwhile.
   */
  end: async ({ account, session_id }: Here, id: string): Promise<void> => {
    if (!isUuid(id)) return
    await requireAllowance(endingLimit, session_id)
    await browserSessions.endDevice({ user_id: account.id, id, keep_session: session_id })
  },
})

export type Devices = ReturnType<typeof createDevices>
