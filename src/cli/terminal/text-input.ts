import { isUtf8 } from 'node:buffer'
import { open } from 'node:fs/promises'
import type { Io } from './io.ts'

type Read = Readonly<{ text: string } | { fault: string }>

/** Reads a whole text, of the named file or, for `-`, of standard input. A longer one than the limit is some other file. */
export const readText = async (
  { input }: Io,
  { path, max_bytes }: Readonly<{ path: string; max_bytes: number }>,
): Promise<Read> => {
  if (path === '-')
    return input === undefined
      ? { fault: 'there is no standard input: name a file' }
      : textOf(await readSome(input, max_bytes), { path: 'standard input', max_bytes })
  try {
    const file = await open(path)
    try {
      const bytes = await readSome(file.createReadStream({ autoClose: false }), max_bytes)
      return textOf(bytes, { path, max_bytes })
    } finally {
      await file.close()
    }
  } catch (error) {
    const detail = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return { fault: `${path} cannot be read (${detail}): name a file that this user can read` }
  }
}

const readSome = async (source: AsyncIterable<Uint8Array>, max_bytes: number): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of source) {
    const part = Buffer.from(chunk)
    chunks.push(part)
    bytes += part.length
    if (bytes > max_bytes) break
  }
  return Buffer.concat(chunks)
}

const textOf = (bytes: Buffer, { path, max_bytes }: Readonly<{ path: string; max_bytes: number }>): Read => {
  if (bytes.length > max_bytes) return { fault: `${path} is too long: give ${max_bytes} bytes at most` }
  if (!isUtf8(bytes)) return { fault: `${path} is not UTF-8: give it in that encoding` }
  return { text: bytes.toString('utf8') }
}
