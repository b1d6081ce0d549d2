import type { Found } from '../../compose/findings/finding.ts'
import type { Config } from '../../config.ts'
import { measureHash } from '../../platform/passwords.ts'

/** Measures what one check of a password costs the processor of this machine. */
export const examinePasswords = ({
  PASSWORD_COST,
  PASSWORD_WORKERS,
}: Pick<Config, 'PASSWORD_COST' | 'PASSWORD_WORKERS'>): Found => {
  const milliseconds = Math.ceil(measureHash(PASSWORD_COST))
  const rate = Math.floor((PASSWORD_WORKERS * 1000) / milliseconds)
  const threads = `${PASSWORD_WORKERS} ${PASSWORD_WORKERS === 1 ? 'thread checks' : 'threads check'}`
  return {
    fault: null,
    note: `one takes about ${milliseconds} ms at PASSWORD_COST ${PASSWORD_COST} here, so that ${threads} about ${rate} a second`,
  }
}
