import { Readable } from 'node:stream'
import { runProgram } from '../../../src/cli/program.ts'

/** Runs a command line in this process. */
export const signetd = async (
  environment: Readonly<Record<string, string>>,
  words: readonly string[],
  input = '',
) => {
  const out: string[] = []
  const err: string[] = []
  const io = {
    environment,
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    input: Readable.from([Buffer.from(input)]),
  }
  const code = await runProgram(words, io, async () => {})
  return { code, out, err }
}

export const SECRET = 'a-secret-of-a-client-of-a-command-0123456789'

/** A confidential client that gets tokens of its own, as a file has it without its secret. */
export const serviceEntry = (client_id: string, more: Readonly<Record<string, unknown>> = {}) => ({
  client_id,
  grant_types: ['client_credentials'],
  scope: 'read',
  ...more,
})
