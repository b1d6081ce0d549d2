import { randomBytes } from 'node:crypto'
import { type Command, InvalidArgumentError } from 'commander'
import { digestOf, type Plain } from '../../domain/base/digest.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import { answer, type Options } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { withClients } from './with-clients.ts'

type TokenOptions = Options & Readonly<{ uses: number; hours: number }>

const PREFIX = 'signet_it_'

/** Adds `clients token`, which makes an initial access token (RFC 7591 §1.2). Only its digest is kept. */
export const addClientsTokenCommand = (clients: Command, io: Io): void => {
  clients
    .command('token')
    .description(
      'make an initial access token, with which clients register themselves where REGISTRATION=token, and print it this once',
    )
    .option('--uses <count>', 'registrations that it allows, 1 to 1000000', wholeNumber(1_000_000), 1)
    .option('--hours <count>', 'hours for which it is valid, 1 to 8760', wholeNumber(8_760), 24)
    .option('--json', 'print JSON for programs')
    .action((options: TokenOptions) =>
      withClients(io, options, async (_, { tokens }) => {
        const token = `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`
        const { uses, hours } = options
        const digest = digestOf(token as Plain<'initial_access_token'>)
        const expires_at = await tokens.create({ digest, uses, seconds: hours * 3_600 })
        answer(io, options, token, {
          initial_access_token: token,
          uses,
          expires_at: expires_at.toISOString(),
        })
      }),
    )
}

const wholeNumber =
  (most: number) =>
  (text: string): number => {
    const value = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : 0
    if (value < 1 || value > most) throw new InvalidArgumentError(`must be a whole number from 1 to ${most}`)
    return value
  }
