import { derivedInteger, oneOf } from './schemas.ts'
import type { Setting } from './setting.ts'

/** The settings of the process itself. */
export const PROCESS_SETTINGS = {
  DRAIN_SECONDS: {
    ...derivedInteger({ least: 0, most: 600 }),
    standard: '`5`; embedded: `0`',
    help: 'Seconds for which the server serves on after SIGTERM, with `/readyz` 503, until every proxy sends its requests elsewhere. `terminationGracePeriodSeconds` has to be 20 seconds longer. See docs/deploy.md.',
  },
  LOG_LEVEL: {
    ...oneOf('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    help: 'JSON lines on standard output.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>
