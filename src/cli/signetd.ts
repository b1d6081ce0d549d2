#!/usr/bin/env node
import { runProgram } from './program.ts'

const { stdout, stderr } = process
const io = {
  environment: process.env,
  out: (line: string) => void stdout.write(`${line}\n`),
  err: (line: string) => void stderr.write(`${line}\n`),
  // Looked at only by who reads it: a server leaves it alone.
  get input() {
    return process.stdin
  },
  ...(stderr.isTTY ? { screen: stderr } : {}),
}

// Whoever read our output has seen enough, as `head` has: there is nobody left to tell.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(1)
})

const serve = async () => {
  await import('../main.ts')
}

process.exitCode = await runProgram(process.argv.slice(2), io, serve)
