import { uuidv7 } from 'uuidv7'
import type { Database } from '../database.ts'

/** A delivery that is due, as an ending writes it. */
export const seedDelivery = async ({ sql }: Pick<Database, 'sql'>, receiver: string) => {
  const [user_id, sid] = [uuidv7(), uuidv7()]
  const [row] = await sql<{ id: string }[]>`
    insert into deliveries (user_id, kind, receiver, sid, expires_at)
    values (${user_id}, 'backchannel_logout', ${receiver}, ${sid}, now() + interval '1 day')
    returning id`
  return { user_id, id: row?.id ?? '', sid }
}

/** As if the pause before the next attempt, or the claim, had passed. */
export const makeDue = ({ sql }: Pick<Database, 'sql'>, receiver: string) =>
  sql`update deliveries set due_at = now() where receiver = ${receiver}`

export const waitingFor = async ({ sql }: Pick<Database, 'sql'>, receiver: string) =>
  sql<{ user_id: string; sid: string | null; attempts: number; is_due: boolean }[]>`
    select user_id, sid, attempts, due_at <= now() as is_due from deliveries where receiver = ${receiver}`
