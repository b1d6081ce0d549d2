import { defineConfig } from 'vitest/config'

/** `npm run test:full`: what takes minutes, one file after the other. */
export default defineConfig({
  test: {
    include: ['test/**/*.full.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
})
