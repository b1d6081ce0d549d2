import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { isatty } from 'node:tty'

/** Lines that wait for a reader that has stopped, in characters: enough for a pause of seconds, and no more memory than that. */
const BACKLOG_CHARACTERS = 1_048_576

/** How soon a destination that takes nothing now is asked again. */
const RETRY_MILLISECONDS = 50

/** What a stop waits for a reader that has stopped. */
const CLOSE_MILLISECONDS = 1_000

/** Standard output or standard error. Never blocks, never throws and never ends the process: what cannot be written is dropped. */
export type Output = Readonly<{
  /** Whole lines. */
  write: (text: string) => void
  /** Lines that were dropped, since the start. */
  dropped: () => number
  /** For an exit, which waits for nothing: writes what can be written at once. */
  flush: () => void
  /** Resolves when everything is written, or after a second. */
  close: () => Promise<void>
}>

/** One way to write. `done` is called once, with what could not be written: null when all was. */
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
 * A write to a pipe or a terminal that takes nothing would block: the event loop, or a thread of the pool, for which an exit
 * waits. Both are written without blocking, whatever the mode in which the process got them.
 */
const openSink = (fd: 1 | 2): Sink => {
  const stats = fstatSync(fd)
  if (stats.isFIFO() || stats.isSocket()) return openSocketSink(fd)
  const terminal = isatty(fd) ? openTerminal(fd) : null
  if (terminal !== null) return createFileSink(terminal, writeNow)
  // Standard error has few lines, which must be out before an exit.
  return createFileSink(fd, fd === 2 ? writeNow : write)
}

/** A description of its own, which alone does not block. Null where the system has no such thing. */
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
    // The descriptor stays taken: the next connection to be opened would be given its number.
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
  // A full disk takes half a line: what is written when there is room again begins a line of its own.
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
