import { judgePassword, normalizePassword } from '../../domain/account/password.ts'
import type { Passwords } from '../../ports/effects.ts'

type Needs = Readonly<{ passwords: Passwords; min_characters: number }>

/** A password that somebody chose, in its normalized form, and what is wrong with it; null when nothing is. */
export type JudgeNewPassword = (
  given: string,
  email: string,
) => Promise<Readonly<{ password: string; fault: string | null }>>

/** Ours (docs/decisions/0031) – The one rule for new passwords, at registration and at every change. */
export const createJudgeNewPassword =
  ({ passwords, min_characters }: Needs): JudgeNewPassword =>
  async (given, email) => {
    const password = normalizePassword(given)
    const isCommon = await passwords.isCommon(password)
    return { password, fault: judgePassword({ password, email, min_characters, isCommon }) }
  }
