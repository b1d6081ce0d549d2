import { parseParameters } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { readFormText } from '../server/body.ts'
import type { Call } from '../server/route.ts'

/** The fields of a form of the console, each once. A text of several lines has its line breaks. */
export type Fields = Readonly<Record<string, string>>

/** HTML Living Standard §4.10.21 – Reads a form. The API judges what the fields say. Throws OAuthError. */
export const readConsoleFields = async (call: Call): Promise<Fields> => {
  const text = await readFormText(call)
  for (const fault of parseParameters(text).faults.values())
    if (fault !== 'parameter_malformed') throw new OAuthError(fault)
  return Object.fromEntries(new URLSearchParams(text))
}
