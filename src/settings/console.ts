import { z } from 'zod'
import { isLoopback } from '../domain/base/ip-address.ts'
import { isOrigin, quote, refuse } from './schemas.ts'
import type { Setting } from './setting.ts'

/** True for an origin for which a browser keeps Secure cookies, and for one on this machine. */
const isConsoleOrigin = (text: string): boolean =>
  isOrigin(text) && (text.startsWith('https:') || isLoopback(new URL(text).hostname))

/** The setting of the console. */
export const CONSOLE_SETTINGS = {
  CONSOLE_URL: {
    schema: z
      .string()
      .optional()
      .transform((value, context) => {
        if (value === undefined || isConsoleOrigin(value)) return value
        return refuse(
          context,
          `must be an origin such as https://console.example.com, https unless its host is loopback, not ${quote(value)}`,
        )
      }),
    standard: 'the internal listener: `http://$INTERNAL_HOST:$INTERNAL_PORT`',
    help: 'The origin at which administrators open the console in a browser, exactly: the console answers under no other one. https unless its host is loopback, and not the issuer. See docs/console.md.',
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>
