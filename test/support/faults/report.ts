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

/** Prints a line for each fault when all of them are over. */
export const setup = (project: TestProject): (() => void) => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-faults-'))
  const file = join(directory, 'report')
  appendFileSync(file, '')
  project.provide('faults_report', file)
  return () => {
    process.stdout.write(`\nFaults, two instances under load:\n${readFileSync(file, 'utf8')}\n`)
    rmSync(directory, { recursive: true, force: true })
  }
}

export const reportFault = (line: string): void => appendFileSync(inject('faults_report'), `${line}\n`)
