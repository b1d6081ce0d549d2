import { runProgram } from './program.ts'

const { stdout, stderr } = process
const io = {
  environment: process.env,
  out: (line: string) => void stdout.write(`${line}\n`),
  err: (line: string) => void stderr.write(`${line}\n`),
  // A getter, so that a server does not open standard input.
  get input() {
    return process.stdin
  },
  ...(stderr.isTTY ? { screen: stderr } : {}),
  ...(stdout.isTTY ? { display: stdout } : {}),
}

// A reader such as `head` closes the pipe once it has seen enough; a full disk is a fault.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE')
    io.err(`standard output cannot be written (${error.code}): look at the disk that it goes to`)
  process.exit(error.code === 'EPIPE' ? 1 : 2)
})
// A fault of standard error can be reported nowhere else.
stderr.on('error', () => {})

const serve = async () => {
  await import('../main.ts')
}

process.exitCode = await runProgram(process.argv.slice(2), io, serve)
