import { Readable } from 'node:stream'
import { runProgram } from '../../../src/cli/program.ts'

export type Said = Readonly<{ code: number; out: readonly string[]; err: readonly string[] }>

/** Runs `signetd accounts …` in this process. */
export const accounts = async (
  environment: Readonly<Record<string, string>>,
  words: readonly string[],
  input: string | Buffer | Readable = '',
): Promise<Said> => {
  const out: string[] = []
  const err: string[] = []
  const io = {
    environment,
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    input: input instanceof Readable ? input : Readable.from([Buffer.from(input)]),
  }
  const code = await runProgram(['accounts', ...words], io, async () => {})
  return { code, out, err }
}

export const parsed = ({ out }: Said) =>
  out.map(line => JSON.parse(line) as Readonly<Record<string, unknown>>)

/** bcrypt of "correct horse battery" at cost 4. */
export const OLD_DIGEST = '$2y$04$RvJNrEAJmlFJu.ty/59sk.zfFluJAkfrLN4UsGJhQwi3kO3.54Rs.'
export const jsonLines = (lines: readonly unknown[]): string =>
  lines.map(line => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
