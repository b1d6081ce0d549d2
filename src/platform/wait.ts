import { setTimeout } from 'node:timers/promises'
import type { Wait } from '../ports/effects.ts'

export const systemWait: Wait = async milliseconds => {
  await setTimeout(milliseconds)
}
