import { defineConfig } from 'vitest/config'

/** `npm run test:faults`: two instances under load and a fault, one after the other, and a report at the end. */
export default defineConfig({
  test: {
    include: ['test/faults/*.fault.ts'],
    globalSetup: ['test/support/faults/report.ts', 'test/support/global-setup.ts'],
    fileParallelism: false,
    // Longer than all waits of a fault together: each ends with its own reason.
    testTimeout: 600_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
})
