import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { errorCodeOf } from '../../src/domain/base/error-code.ts'

const TICKS_A_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Milliseconds of processor time of a process and of all its children, those that ended included. */
export const processorMilliseconds = (pid: number): number => {
  // The name is in brackets and may contain spaces; the fields after it start with the state, field 3 of proc(5).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return (
    (ticks * 1000) / TICKS_A_SECOND + children.reduce((sum, child) => sum + ofLivingChild(Number(child)), 0)
  )
}

/** 0 for a child that has ended since it was listed: its time is among that of its parent from then on. */
const ofLivingChild = (pid: number): number => {
  try {
    return processorMilliseconds(pid)
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT' || errorCodeOf(error) === 'ESRCH') return 0
    throw error
  }
}

/** The processor time that `work` takes of each process, in milliseconds, in the order of the processes. */
export const measureProcessor = async <T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ result: T; milliseconds: readonly number[] }> => {
  const before = pids.map(processorMilliseconds)
  const result = await work()
  const after = pids.map(processorMilliseconds)
  return { result, milliseconds: after.map((value, index) => value - (before[index] ?? 0)) }
}

/** Resident memory in megabytes. */
export const residentMegabytes = (pid: number): number => {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

export const parentOf = (pid: number): number => {
  const [, parent] = /PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(parent)
}
