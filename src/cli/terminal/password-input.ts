import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import type { Io } from './io.ts'

/** Bytes of a password, at most: a longer input is some other file. */
const MAX_BYTES = 4096

type Typed = Readonly<{ password: string } | { fault: string }>

/** Reads one line, without its end: from the named file, from the person at the terminal, or from standard input. */
export const readPassword = async (io: Io, path: string | null): Promise<Typed> => {
  if (path !== null) return readFile(path)
  const { input, screen } = io
  if (input === undefined) return { fault: 'there is no password: add --password-file, or --no-password' }
  if (!('isTTY' in input && input.isTTY === true)) return lineOf(await readSome(input))
  if (screen === undefined) return { fault: 'the password cannot be asked for: add --password-file' }
  const password = await ask(input, screen, 'Password: ')
  const repeated = password && (await ask(input, screen, 'Once more: '))
  if (password === null || repeated === null) return { fault: 'no password was given: run the command again' }
  return password === repeated ? { password } : { fault: 'the two passwords differ: run the command again' }
}

const readFile = async (path: string): Promise<Typed> => {
  try {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0)
      return lineOf(buffer.subarray(0, bytesRead))
    } finally {
      await file.close()
    }
  } catch (error) {
    const detail = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return { fault: `${path} cannot be read (${detail}): name a file that this user can read` }
  }
}

const readSome = async (input: Readable): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of input) {
    const part = Buffer.from(chunk)
    chunks.push(part)
    bytes += part.length
    if (bytes > MAX_BYTES) break
  }
  return Buffer.concat(chunks)
}

const lineOf = (bytes: Buffer): Typed => {
  if (bytes.length > MAX_BYTES) return { fault: `the password is too long: give ${MAX_BYTES} bytes at most` }
  const text = bytes.toString('utf8')
  const password = text.replace(/\r?\n$/, '')
  if (text.includes('\ufffd')) return { fault: 'the password is not UTF-8: give it in that encoding' }
  return /[\r\n]/.test(password)
    ? { fault: 'the password is more than one line: give one line' }
    : { password }
}

/** Asks without an echo: readline writes to a stream that drops everything. Null when the person gives up. */
const ask = (input: Readable, screen: Writable, question: string): Promise<string | null> =>
  new Promise(resolve => {
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
    const terminal = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
    terminal.once('close', () => {
      screen.write('\n')
      resolve(null)
    })
    terminal.once('line', line => {
      resolve(line)
      terminal.close()
    })
    screen.write(question)
  })
