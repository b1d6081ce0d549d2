import { type Command, CommanderError } from 'commander'
import type { Io } from '../terminal/io.ts'
import { examine } from './examine.ts'

/** Adds `doctor`: looks at everything that a start needs without changing anything. Exit code 1 when there is a fault. */
export const addDoctorCommand = (program: Command, io: Io): void => {
  program
    .command('doctor')
    .description(
      'check everything that the server needs, and change nothing: a line each, with what to do about a fault',
    )
    .option('--document <url...>', 'fetch client ID metadata documents too, as a server does at a request')
    .option('--json', 'print JSON for programs')
    .action(async ({ document, json = false }: { document?: readonly string[]; json?: boolean }) => {
      const findings = await examine(io, { documents: document ?? [] })
      if (json) io.out(JSON.stringify({ findings }))
      else
        for (const { check, fault, note, warning } of findings) {
          const line = [check, fault ?? note].filter(Boolean).join(': ')
          const outcome = fault !== null ? 'fault ' : warning === true ? 'warn  ' : 'ok    '
          io.out(`${outcome} ${line}`)
        }
      if (findings.some(finding => finding.fault !== null))
        throw new CommanderError(1, 'signetd.doctor', 'faults')
    })
}
