import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The tools that build and run the image, each with its Debian package. */
const TOOLS = { buildah: 'buildah', debootstrap: 'debootstrap', unshare: 'util-linux', git: 'git' } as const

/** A sentence for each tool that this machine lacks, before anything is started. */
export const setup = (): void => {
  const missing = Object.entries(TOOLS).filter(([program]) => !isSpared(program) && !isInstalled(program))
  const faults = missing.map(
    ([program, debian]) => `${program} is not installed: apt-get install ${debian}, or put it on the PATH`,
  )
  if (process.getuid?.() !== 0)
    faults.push('this user is not root: the image is built and started without a daemon, which needs it')
  if (faults.length === 0) return
  process.stderr.write(faults.map(fault => `npm run test:image: ${fault}\n`).join(''))
  process.exit(2)
}

/** ROOTFS names a directory that debootstrap has made. */
const isSpared = (program: string): boolean =>
  program === 'debootstrap' && process.env['ROOTFS'] !== undefined

const isInstalled = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some(directory => isExecutable(join(directory, program)))

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
