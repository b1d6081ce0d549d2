import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The file to which each fault adds its line. */
    faults_report: string
  }
}

/** The first word of a fault's line. */
const VERDICTS = { held: 'held', broken: 'BROKEN', left_out: 'LEFT OUT' } as const
type FaultVerdict = keyof typeof VERDICTS

/** Prints a line for each fault when all of them are over, and how many there were of each verdict. */
export const setup = (project: TestProject): (() => void) => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-faults-'))
  const file = join(directory, 'report')
  appendFileSync(file, '')
  project.provide('faults_report', file)
  return () => {
    const text = readFileSync(file, 'utf8')
    const lines = text.split('\n')
    const counts = Object.values(VERDICTS).map(
      word => `${lines.filter(line => line.startsWith(word)).length} ${word}`,
    )
    process.stdout.write(`\nFaults, two instances under load:\n${text}${counts.join(', ')}\n`)
    rmSync(directory, { recursive: true, force: true })
  }
}

export const reportFault = (verdict: FaultVerdict, ...parts: readonly string[]): void =>
  appendLine([VERDICTS[verdict].padEnd(8), ...parts])

/** A line beside that of the fault. */
export const reportNote = (note: string): void => appendLine([' '.repeat(8), note])

const appendLine = (parts: readonly string[]) =>
  appendFileSync(inject('faults_report'), `${parts.join(' | ').replaceAll('\n', ' ')}\n`)
