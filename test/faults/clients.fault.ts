import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { itSurvives, lasting } from '../support/faults/fault.ts'
import type { StagedInstance } from '../support/faults/stage.ts'

const CONNECTIONS = 200
const ENDLESS = 20
/** Files that an instance may open beside those that it has open. */
const SPARE_FILES = 12
const COME_AGAIN_MILLISECONDS = 100
/** A request that is never complete: its head, or its body. */
const HEAD = 'POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n'

describe('clients', () => {
  itSurvives(`${CONNECTIONS} clients that send a byte a second at each instance`, async ({ instances }) => {
    const sockets = instances.flatMap(({ port }) => open(port, CONNECTIONS))
    for (const [index, socket] of sockets.entries())
      socket.write(index % 2 === 0 ? HEAD : `${HEAD}Content-Length: 5000\r\n\r\n`)
    for (let second = 0; second < 8; second++) {
      for (const socket of sockets) socket.write('a')
      await lasting(1)
    }
    close(sockets)
  })

  itSurvives(
    `${CONNECTIONS} clients that never read their answers at each instance`,
    async ({ instances }) => {
      const sockets = instances.flatMap(({ port }) => open(port, CONNECTIONS))
      for (const socket of sockets) socket.pause()
      const ask = 'GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\n\r\n'
      for (let second = 0; second < 5; second++) {
        for (const socket of sockets) socket.write(ask.repeat(20))
        await lasting(1)
      }
      close(sockets)
    },
  )

  itSurvives(`${ENDLESS} endless bodies at each instance`, async ({ instances }) => {
    const sockets = instances.flatMap(({ port }) => open(port, ENDLESS))
    const ended = new Set<Socket>()
    for (const socket of sockets) {
      socket.once('close', () => ended.add(socket)).resume()
      socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
      pour(socket)
    }
    // The server ends each of them, whatever it still sends.
    await expect.poll(() => ended.size, { timeout: 60_000 }).toBe(sockets.length)
  })

  itSurvives(
    'every file that both instances may open is taken by clients that send a byte a second, and the connections to Postgres are cut',
    async ({ instances }) => {
      const crowds = instances.map(instance => besiege(instance))
      try {
        for (const { isExhausted } of crowds) await expect.poll(isExhausted, { timeout: 30_000 }).toBe(true)
        for (const { proxy } of instances) proxy.cut()
        await lasting(8)
        for (const { isExhausted } of crowds) expect(isExhausted()).toBe(true)
      } finally {
        for (const { leave } of crowds) leave()
      }
    },
  )
})

/**
 * Lowers the limit of open files to a little above what the instance has open, and comes with more connections than that. Each that is
 * closed is opened again, as a crowd does that wants to be served.
 */
const besiege = ({ port, program }: StagedInstance) => {
  const pid = program().process.pid ?? 0
  const before = openFilesAtMost(pid)
  const limit = countOpenFiles(pid) + SPARE_FILES
  limitOpenFiles(pid, limit)
  const sockets = new Set<Socket>()
  let isOver = false
  const come = () => {
    if (isOver) return
    for (const socket of open(port, 1)) {
      sockets.add(socket)
      socket.write(HEAD)
      socket.once('close', () => {
        sockets.delete(socket)
        setTimeout(come, COME_AGAIN_MILLISECONDS)
      })
    }
  }
  for (let count = 0; count < CONNECTIONS; count++) come()
  const trickle = setInterval(() => {
    for (const socket of sockets) socket.write('a')
  }, 1000)
  return {
    /** Node keeps one file in reserve, with which it takes a connection that it cannot keep, and closes it. */
    isExhausted: () => countOpenFiles(pid) >= limit - 1,
    leave: () => {
      isOver = true
      clearInterval(trickle)
      close([...sockets])
      // The instance has what it needs again; the judges come with more connections than this limit.
      limitOpenFiles(pid, before)
    },
  }
}

const countOpenFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

const open = (port: number, count: number): readonly Socket[] =>
  Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}))

/** By prlimit of util-linux, which every Debian has: a program that had so few from its start could not load its modules. */
const limitOpenFiles = (pid: number, files: number) =>
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`])

const openFilesAtMost = (pid: number) =>
  Number(/^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1])

const close = (sockets: readonly Socket[]) => {
  for (const socket of sockets) socket.destroy()
}

const CHUNK = `2000\r\n${'a'.repeat(0x2000)}\r\n`

/** Sends for as long as the other side takes it. */
const pour = (socket: Socket) => {
  while (!socket.destroyed && socket.write(CHUNK));
  if (!socket.destroyed) socket.once('drain', () => pour(socket))
}
