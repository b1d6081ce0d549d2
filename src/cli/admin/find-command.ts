import type { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { type OutputForm, openRows } from '../terminal/rows.ts'
import { type FoundMatch, TOLD_MATCHES } from './admin-answers.ts'
import { AdminError } from './admin-error.ts'
import { withAdministration } from './with-administration.ts'

/** Adds `find`: what an id, an e-mail or an address names. */
export const addFindCommand = (program: Command, io: Io): void => {
  program
    .command('find')
    .description('ask a running server what a text names: a person, a sign-in, a client, a token, an event')
    .argument(
      '<text>',
      'a sub, sid, jti or kid, an e-mail or its beginning, a client, an address, a request id',
    )
    .option('--json', 'print a JSON object a line, for programs')
    .option('--quiet', 'print the ids alone')
    .action((q: string, form: OutputForm) =>
      withAdministration(io, form, async ({ get }) => {
        const { matches } = await get('/find', TOLD_MATCHES, { q })
        if (matches.length === 0) throw new AdminError('refused', `nothing that is kept has the name ${q}`)
        openRows<FoundMatch>(io, {
          ...form,
          columns: [
            { head: 'KIND', of: ({ kind }) => kind },
            { head: 'ID', of: ({ id }) => id },
            { head: 'NAME', of: ({ label }) => label, isElastic: true },
            { head: 'NOTE', of: ({ note }) => note, isElastic: true },
          ],
          idOf: ({ id }) => id,
        })(matches)
      }),
    )
}
