import type { ConsentRecord } from '../../domain/authorization/consent.ts'
import type { Consents } from '../../ports/authorization.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Actor } from '../access/actor.ts'

type Needs = Readonly<{ clients: Clients; consents: Consents }>

/** An application that a person has allowed something. */
export type AllowedApplication = ConsentRecord &
  /** As the application calls itself; its id when it is registered no more. */
  Readonly<{ name: string }>

/** OpenID Connect Core §3.1.2.4 – The applications of a person, for the person to see and to end. */
export const createApplications = ({ clients, consents }: Needs) => {
  const nameOf = async (client_id: string): Promise<string> =>
    (await clients.find(client_id))?.client_name ?? client_id
  return {
    nameOf,

    list: async ({ account }: Actor): Promise<readonly AllowedApplication[]> => {
      const records = await consents.list(account.id)
      return Promise.all(records.map(async record => ({ ...record, name: await nameOf(record.client_id) })))
    },

    /** Ends the sign-ins of the person at the application too. Of an application that has nothing left, nothing is to be done. */
    withdraw: async ({ account }: Actor, client_id: string): Promise<void> => {
      await consents.withdraw({ user_id: account.id, client_id, reason: 'consent_withdrawn' })
    },
  }
}

export type Applications = ReturnType<typeof createApplications>
