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

// A reader that has gone has seen enough, as `head` has; a full disk has not.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') io.err(`standard output cannot be written: ${error.code}`)
  process.exit(error.code === 'EPIPE' ? 1 : 2)
})
// There is no other place to say so.
stderr.on('error', () => {})

const serve = async () => {
  await import('../main.ts')
}

process.exitCode = await runProgram(process.argv.slice(2), io, serve)
