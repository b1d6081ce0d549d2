import type { Command } from 'commander'
import { SETTINGS } from '../settings/index.ts'
import type { Setting } from '../settings/setting.ts'
import type { Io } from './terminal/io.ts'

/** Adds `configuration`, which prints docs/configuration.md. */
export const addConfigurationCommand = (program: Command, io: Io): void => {
  program
    .command('configuration')
    .description('print the reference of every setting, in Markdown')
    .action(() => io.out(configurationReference()))
}

const configurationReference = (): string => {
  const rows = Object.entries<Setting<unknown>>(SETTINGS).map(
    ([name, { standard, range, help, isSecret }]) => {
      const names = isSecret ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``
      return `| ${names} | ${standard} | ${range === undefined ? help : `${help} ${range}.`} |`
    },
  )
  return [
    '# Configuration',
    '',
    'Environment variables. An empty one counts as unset. A secret may be given as `NAME_FILE`, the path of a file that holds it.',
    'Every bad value stops the start, with one line for each fault and exit code 2.',
    'This page is printed by `npm run docs:configuration`.',
    '',
    '| name | default | |',
    '|---|---|---|',
    ...rows,
  ].join('\n')
}
