import { defineConfig } from 'vitest/config'

/** `npm run test:image`: needs root, buildah and debootstrap, and minutes. */
export default defineConfig({
  test: {
    include: ['test/image/*.image.ts'],
    globalSetup: ['test/image/tools.ts', 'test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 1_200_000,
    teardownTimeout: 60_000,
  },
})
