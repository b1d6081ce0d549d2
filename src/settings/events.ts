import { EVENT_RETENTION_DAYS } from '../domain/base/retention.ts'
import { integer } from './schemas.ts'
import type { Setting } from './setting.ts'

/** The settings of events. */
export const EVENT_SETTINGS = {
  EVENT_RETENTION_DAYS: {
    ...integer({ standard: EVENT_RETENTION_DAYS, least: 1, most: 3_650 }),
    help: 'Days for which events are kept (docs/events.md). Where the role may drop tables, they are dropped by whole months, up to a month later.',
  },
} satisfies Readonly<Record<string, Setting<unknown>>>
