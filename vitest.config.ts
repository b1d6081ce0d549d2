import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // A test waits for a server half of its time: one file more at once than there are cores keeps them busy.
    maxWorkers: availableParallelism() + 1,
    // The first start of the embedded database alone takes seconds on a busy machine.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      exclude: [
        // Run in worker threads of their own, where the coverage of this thread does not see them.
        'src/**/*.mjs',
        // Runs only as a process of its own: signals and exit codes are tested from outside.
        'src/main.ts',
      ],
      thresholds: { lines: 90, branches: 90 },
      reporter: ['text', 'json-summary'],
    },
  },
})
