#!/usr/bin/env node
import { runProgram } from './program.ts'

const io = {
  environment: process.env,
  out: (line: string) => void process.stdout.write(`${line}\n`),
  err: (line: string) => void process.stderr.write(`${line}\n`),
}

const serve = async () => {
  await import('../main.ts')
}

process.exitCode = await runProgram(process.argv.slice(2), io, serve)
