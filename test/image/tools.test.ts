import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

describe('npm run test:image on a machine that lacks its tools', () => {
  it('ends with a sentence for each tool, which names its package', () => {
    const command = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.image.config.ts']
    const { status, stderr } = spawnSync(process.execPath, command, {
      encoding: 'utf8',
      env: { PATH: '/nonexistent' },
    })
    expect(status).toBe(2)
    expect(stderr).toContain('npm run test:image: buildah is not installed: apt-get install buildah')
    expect(stderr).toContain('npm run test:image: debootstrap is not installed: apt-get install debootstrap')
    expect(stderr).not.toMatch(/^\s+at /m)
  })
})
