import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname, isAbsolute, join, parse, resolve } from 'node:path'

/** A directory, a file or a link; of a link, the link itself and not its target. */
export type TrailStep = Readonly<{ path: string; stats: Stats }>

/** The entries that the system passes on the way to a path, and the entry at the path; null when there is none. */
export type Trail = Readonly<{ passed: readonly TrailStep[]; target: TrailStep | null }>

/** Linux follows at most this many links for one path. */
const LINKS_AT_MOST = 40

/**
 * Follows a path as the system does, one link at a time: a user who can replace a link on the way decides where the path leads.
 * Throws the error of the system call that failed.
 */
export const trailTo = (path: string): Trail => {
  const absolute = isAbsolute(path) ? path : join(resolve(), '/', path)
  const { root } = parse(absolute)
  const names = [...namesOf(absolute)]
  const passed: TrailStep[] = []
  let step = inspect(root)
  for (let links = 0; step !== null; ) {
    const name = names.shift()
    if (name === undefined) return { passed, target: step }
    if (name === '..') {
      step = inspect(dirname(step.path))
      continue
    }
    passed.push(step)
    const next = inspect(join(step.path, name))
    if (next?.stats.isSymbolicLink() !== true) {
      step = next
      continue
    }
    if (++links > LINKS_AT_MOST) throw tooManyLinks(path)
    passed.push(next)
    const leadsTo = readlinkSync(next.path)
    names.unshift(...namesOf(leadsTo))
    if (isAbsolute(leadsTo)) step = inspect(root)
  }
  return { passed, target: null }
}

const namesOf = (path: string): readonly string[] =>
  path.split('/').filter(name => name !== '' && name !== '.')

const inspect = (path: string): TrailStep | null => {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats === undefined ? null : { path, stats }
}

const tooManyLinks = (path: string): Error =>
  Object.assign(new Error(`ELOOP: too many symbolic links, lstat '${path}'`), {
    code: 'ELOOP',
    syscall: 'lstat',
  })
