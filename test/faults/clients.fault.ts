import { execFileSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { itSurvives, lasting } from '../support/faults/fault.ts'
import type { StagedInstance } from '../support/faults/stage.ts'

const CONNECTIONS = 200
const ENDLESS = 20
/** Fewer than there are connections, and more than an instance needs for itself. */
const OPEN_FILES = 100
/** A request that is never complete: its head, or its body. */
const HEAD = 'POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n'

describe('clients', () => {
  itSurvives(`${CONNECTIONS} clients that send a byte a second at each instance`, async ({ instances }) => {
    const sockets = instances.flatMap(instance => open(instance, CONNECTIONS))
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
      const sockets = instances.flatMap(instance => open(instance, CONNECTIONS))
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
    const sockets = instances.flatMap(instance => open(instance, ENDLESS))
    const ended = new Set<Socket>()
    for (const socket of sockets) {
      socket.once('close', () => ended.add(socket)).resume()
      socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
      pour(socket)
    }
    // The server ends each of them, whatever it still sends.
    await expect.poll(() => ended.size, { timeout: 60_000 }).toBe(sockets.length)
  })

  itSurvives('more connections than an instance may open files', async ({ instances }) => {
    for (const { program } of instances) limitOpenFiles(program().process.pid ?? 0, OPEN_FILES)
    const sockets = instances.flatMap(instance => open(instance, CONNECTIONS))
    await lasting(5)
    close(sockets)
  })
})

const open = ({ origin }: StagedInstance, count: number): readonly Socket[] =>
  Array.from({ length: count }, () =>
    connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {}),
  )

/** By prlimit of util-linux, which every Debian has: a program that had so few from its start could not load its modules. */
const limitOpenFiles = (pid: number, files: number) =>
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:${files}`])

const close = (sockets: readonly Socket[]) => {
  for (const socket of sockets) socket.destroy()
}

const CHUNK = `2000\r\n${'a'.repeat(0x2000)}\r\n`

/** Sends for as long as the other side takes it. */
const pour = (socket: Socket) => {
  while (!socket.destroyed && socket.write(CHUNK));
  if (!socket.destroyed) socket.once('drain', () => pour(socket))
}
