import type { z } from 'zod'

/** A row of the table of settings. docs/configuration.md is printed from it. */
export type Setting<T> = Readonly<{
  /** Parses the text of the environment variable. Fails with the line for the operator, without the name of the setting. */
  schema: z.ZodType<T, string | undefined>
  /** The default, in Markdown. */
  standard: string
  help: string
  /** The least and the most of a number. */
  range?: string
  /** May also be given as NAME_FILE. */
  isSecret?: true
}>
