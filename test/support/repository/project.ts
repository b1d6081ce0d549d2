import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { inject } from 'vitest'

const run = promisify(execFile)
export const ROOT = resolve(import.meta.dirname, '../../..')

export const tsc = (...options: readonly string[]) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options])

/** Copies one of the two builds of the run, which are made by themselves of the same sources: a build takes seconds of both cores. */
export const copyBuild = async (which: 'first' | 'second', to: string): Promise<void> => {
  const [first, second] = inject('build_sockets')
  await cp(await text(connect(which === 'first' ? first : second)), to, { recursive: true })
}

/** The project of a service in a directory of its own, in which only this package is installed. */
export const createProject = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'signet-project-'))
  const installed = join(directory, 'node_modules/signetd')
  await mkdir(installed, { recursive: true })
  await cp(join(ROOT, 'package.json'), join(installed, 'package.json'))
  await copyBuild('first', join(installed, 'dist'))
  const write = (name: string, text: string) => writeFile(join(directory, name), text)
  await write('package.json', '{ "name": "service", "private": true, "type": "module" }')
  return {
    directory,
    installed,
    write,
    node: async (file: string) => (await run(process.execPath, [file], { cwd: directory })).stdout.trim(),
    /** Installs a dependency as this repository has it. */
    link: async (...names: readonly string[]) => {
      for (const name of names) {
        const path = join(directory, 'node_modules', name)
        await mkdir(dirname(path), { recursive: true })
        await symlink(join(ROOT, 'node_modules', name), path)
      }
    },
    remove: () => rm(directory, { recursive: true }),
  }
}

export type Project = Awaited<ReturnType<typeof createProject>>
