import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { isatty } from 'node:tty'

/** The most characters that wait while the reader has stopped: enough for a pause of seconds, with bounded memory. */
const BACKLOG_CHARACTERS = 1_048_576

/** The delay before a write is retried after EAGAIN, EBUSY or EINTR. */
const RETRY_MILLISECONDS = 50

/** The longest time that `close` waits for a reader that has stopped. */
const CLOSE_MILLISECONDS = 1_000

/** Standard output or standard error. Never blocks, never throws and never ends the process: text that cannot be written is dropped. */
export type Output = Readonly<{
  /** Whole lines. */
  write: (text: string) => void
  /** Lines that were dropped, since the start. */
  dropped: () => number
  /** Writes the waiting lines at once, as far as possible. For an exit of the process, which cannot wait. */
  flush: () => void
  /** Resolves when everything is written, or after a second. */
  close: () => Promise<void>
}>

/** A writer for one kind of descriptor. `done` is called once with the text that could not be written; null when all was written. */
type Sink = Readonly<{
  send: (text: string, done: (failed: string | null) => void) => void
  sendNow: (text: string) => void
}>

type Options = Readonly<{
  fd: 1 | 2
  /** Called when everything can be written again, with the number of lines that were dropped meanwhile. */
  onResume?: (dropped: number) => void
}>

export const openOutput = ({ fd, onResume = () => {} }: Options): Output => {
  const sink = openSink(fd)
  let waiting: string[] = []
  let characters = 0
  let isSending = false
  let dropped = 0
  let told = 0
  let onIdle = () => {}

  const drop = (text: string) => {
    dropped += text.split('\n').length - 1
  }
  const take = (): string => {
    const text = waiting.join('')
    waiting = []
    return text
  }
  const pump = () => {
    if (isSending) return
    if (waiting.length === 0) return onIdle()
    const text = take()
    isSending = true
    sink.send(text, failed => {
      isSending = false
      characters -= text.length
      if (failed !== null) drop(failed)
      else if (waiting.length === 0) resume()
      pump()
    })
  }
  const resume = () => {
    const lines = dropped - told
    told = dropped
    if (lines > 0) onResume(lines)
  }
  return {
    write: text => {
      if (characters + text.length > BACKLOG_CHARACTERS) return drop(text)
      waiting.push(text)
      characters += text.length
      return pump()
    },
    dropped: () => dropped,
    flush: () => {
      const text = take()
      if (text !== '') sink.sendNow(text)
    },
    close: () =>
      new Promise(resolve => {
        onIdle = resolve
        setTimeout(resolve, CLOSE_MILLISECONDS)
        pump()
      }),
  }
}

/**
 * A blocking write to a pipe or terminal that is not read would stall the event loop, or a thread of the pool, for which an exit
 * waits. Pipes and terminals are therefore written in non-blocking mode, whatever mode the process inherited.
 */
const openSink = (fd: 1 | 2): Sink => {
  const stats = fstatSync(fd)
  if (stats.isFIFO() || stats.isSocket()) return openSocketSink(fd)
  const terminal = isatty(fd) ? openTerminal(fd) : null
  if (terminal !== null) return createFileSink(terminal, writeNow)
  // Standard error has few lines, which must be out before an exit.
  return createFileSink(fd, fd === 2 ? writeNow : write)
}

/** Opens a second file description, so that only this one is non-blocking. Null where the system has no /proc/self/fd. */
const openTerminal = (fd: number): number | null => {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return null
  }
}

const openSocketSink = (fd: number): Sink => {
  const options = {
    fd,
    readable: false,
    writable: true,
    // The descriptor is never closed, because the system would give its number to the next connection.
    destroy: (error: Error | null, callback: (error: Error | null) => void) => callback(error),
  }
  const socket = new Socket(options)
  socket.on('error', () => {})
  socket.unref()
  return {
    send: (text, done) => void socket.write(text, error => done(error ? text : null)),
    sendNow: text => void socket.write(text),
  }
}

type Written = (error: NodeJS.ErrnoException | null, bytes: number) => void
type Write = (
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: null,
  written: Written,
) => void

const writeNow: Write = (fd, bytes, offset, length, position, written) => {
  let count = 0
  try {
    count = writeSync(fd, bytes, offset, length, position)
  } catch (error) {
    return written(error instanceof Error ? error : new Error(String(error)), 0)
  }
  return written(null, count)
}

const AGAIN = new Set(['EAGAIN', 'EBUSY', 'EINTR'])

const createFileSink = (fd: number, send: Write): Sink => {
  // A full disk may accept half a line. The next text then begins with a line break.
  let isTorn = false
  const begin = (text: string) => Buffer.from(isTorn ? `\n${text}` : text)
  return {
    send: (text, done) => {
      const bytes = begin(text)
      const sendFrom = (offset: number) =>
        send(fd, bytes, offset, bytes.length - offset, null, (error, count) => {
          if (error !== null && AGAIN.has(error.code ?? '')) {
            setTimeout(sendFrom, RETRY_MILLISECONDS, offset)
            return
          }
          if (error === null && offset + count < bytes.length) return sendFrom(offset + count)
          isTorn = error === null ? false : isTorn || offset > 0
          return done(error === null ? null : bytes.toString('utf8', offset))
        })
      sendFrom(0)
    },
    sendNow: text => writeNow(fd, begin(text), 0, Buffer.byteLength(text), null, () => {}),
  }
}
