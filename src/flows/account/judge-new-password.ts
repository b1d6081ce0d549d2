import { judgePassword, normalizePassword } from '../../domain/account/password.ts'
import type { Passwords } from '../../ports/effects.ts'

type Needs = Readonly<{ passwords: Passwords; min_characters: number }>

/** Normalizes a new password and judges it. `fault` is null for an acceptable one. */
export type JudgeNewPassword = (
  given: string,
  email: string,
) => Promise<Readonly<{ password: string; fault: string | null }>>

/** Ours (docs/decisions/0031) – The rule for new passwords, at registration and at every change. */
export const createJudgeNewPassword =
  ({ passwords, min_characters }: Needs): JudgeNewPassword =>
  async (given, email) => {
    const password = normalizePassword(given)
    const isCommon = await passwords.isCommon(password)
    return { password, fault: judgePassword({ password, email, min_characters, isCommon }) }
  }
