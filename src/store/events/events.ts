import type { Events, NewEvent } from '../../ports/events.ts'
import type { Database } from '../postgres/index.ts'
import { placeAll } from './place-events.ts'
import { createReadEvents } from './read-events.ts'
import { type EventRows, writeEvents } from './write-events.ts'

export const createEvents = (database: Database): Events => ({
  ...createReadEvents(database),
  place: () => placeAll(database),

  write: async events => {
    const [first, ...rest] = events
    if (first === undefined) return
    await database.run((sql, { origin }) => {
      const rowsOf = ({ sub, details, origin: own, ...event }: NewEvent): EventRows => ({
        ...event,
        user_id: sub ?? null,
        details: sql`${JSON.stringify(details ?? {})}::text`,
        ...(own === undefined ? {} : { origin: own }),
      })
      return sql`
        with ${writeEvents(sql, origin, [rowsOf(first), ...rest.map(rowsOf)])}
        select`
    })
  },
})
