import { userInfo } from 'node:os'
import type { EventOrigin } from '../../domain/events/event.ts'
import type { CurrentOrigin } from '../../ports/events.ts'

const NAME_MAX_CHARACTERS = 64

/** The origin of what a command changes: the account under which the command runs on this machine. */
export const operatorOrigin: CurrentOrigin = (): EventOrigin => ({
  actor: { type: 'operator', id: nameOfUser().slice(0, NAME_MAX_CHARACTERS) },
  ip: null,
  request_id: null,
})

/** A container may run under a number that has no name. */
const nameOfUser = (): string => {
  try {
    return userInfo().username
  } catch {
    return String(process.geteuid?.() ?? 'unknown')
  }
}
