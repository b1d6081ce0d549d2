import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Answer } from '../answer.ts'
import type { Asking } from '../ask.ts'
import type { SeededFamily } from '../families.ts'
import type { FamilyHistory, History } from './history.ts'
import type { Stage } from './stage.ts'

const WORKERS = 8
/** Families of a load. A worker that has used up its share goes on with its last one. */
const STOCK = 400
/** Refreshes of a family before its client ends it. */
const REFRESHES = 12
const PAUSE_MILLISECONDS = 15

/**
 * Clients that behave: each refreshes its family at either instance, with one Idempotency-Key for an attempt and its retries, until the attempt is
 * answered; then it revokes the token and goes on with another family. An attempt without an answer, or with 503, is sent again.
 */
export const startLoad = async (stage: Stage, history: History) => {
  const families = await Promise.all(Array.from({ length: STOCK }, () => stage.seed()))
  const stopping = new AbortController()
  let turn = 0

  /** The first answer that is not 503. Null: the load was stopped before there was one. */
  const insist = async (path: string, asking: Asking): Promise<Answer | null> => {
    while (!stopping.signal.aborted) {
      await pause(PAUSE_MILLISECONDS)
      const { ask } = stage.instances[turn++ % 2 === 0 ? 0 : 1]
      const answer = await ask(path, asking).catch(() => null)
      if (answer !== null && answer.status !== 503) return answer
      history.noteUnanswered()
    }
    return null
  }
  const refresh = async (known: FamilyHistory, refresh_token: string): Promise<string | null> => {
    const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token }
    const answer = await insist('/token', { form, headers: { 'Idempotency-Key': randomUUID() } })
    if (answer === null) return null
    if (answer.status !== 200) {
      history.noteUnexpected(`refresh: ${answer.status} ${answer.text}`)
      return null
    }
    history.noteAnswer()
    known.successors.push(answer.body.refresh_token)
    known.access_tokens.push(answer.body.access_token)
    return answer.body.refresh_token
  }
  const end = async (known: FamilyHistory, token: string) => {
    known.ending = { at: null }
    const answer = await insist('/revoke', { form: { token, client_id: 'app' } })
    if (answer === null) return
    if (answer.status === 200) known.ending = { at: performance.now() }
    else history.noteUnexpected(`revoke: ${answer.status} ${answer.text}`)
  }
  /** Refreshes the family as many times, and ends it. */
  const use = async (family: SeededFamily, refreshes: number) => {
    const known = history.begin(family)
    let token: string | null = family.refresh_token
    for (let turn = 0; token !== null && turn < refreshes; turn++) token = await refresh(known, token)
    if (token !== null) await end(known, token)
  }
  const work = async (own: readonly SeededFamily[]) => {
    for (const [index, family] of own.entries()) {
      if (stopping.signal.aborted) return
      await use(family, index === own.length - 1 ? Infinity : REFRESHES)
    }
  }
  const share = STOCK / WORKERS
  const workers = Array.from({ length: WORKERS }, (_, index) =>
    work(families.slice(index * share, (index + 1) * share)),
  )
  return {
    /** Resolves when each worker has had its last answer. */
    stop: async () => {
      stopping.abort()
      await Promise.all(workers)
    },
    /** For a stage that is closed next, which ends the requests that are under way. */
    abandon: () => stopping.abort(),
  }
}
