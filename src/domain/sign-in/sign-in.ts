import { describeDevice } from '../base/user-agent.ts'

/** One living sign-in of a person, as the person sees it. `id` is the refresh family: the `sid` of its tokens. */
export type Session = Readonly<{
  id: string
  created_at: Date
  last_used_at: Date
  last_ip: string | null
  last_user_agent: string | null
}>

/** Contract: what the account API shows of a sign-in. */
export const presentSession = (session: Session, current_id: string | undefined) => ({
  id: session.id,
  created_at: session.created_at.toISOString(),
  last_used_at: session.last_used_at.toISOString(),
  ip: session.last_ip,
  device: describeDevice(session.last_user_agent),
  current: session.id === current_id,
})
