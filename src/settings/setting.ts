import type { z } from 'zod'

/** A row of the table of settings. docs/configuration.md is printed from it. */
export type Setting<T> = Readonly<{
  /** What the environment variable's text becomes; throws or fails with a line for the operator. */
  schema: z.ZodType<T, string | undefined>
  /** The default, in Markdown. */
  standard: string
  help: string
  /** The least and the most of a number. */
  range?: string
  /** May also be given as NAME_FILE. */
  isSecret?: true
}>
