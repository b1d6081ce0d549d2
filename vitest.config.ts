import { defineConfig } from 'vitest/config'
import { ALONE } from './test/support/repository/alone.ts'

/** The first start of the embedded database alone takes seconds on a busy machine. */
const TIMEOUTS = { testTimeout: 20_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    projects: [
      { test: { ...TIMEOUTS, name: 'alone', include: [...ALONE] } },
      // A file loads up to 800 modules, which takes a second of a core: once for all files of a process.
      {
        test: {
          ...TIMEOUTS,
          name: 'together',
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: [...ALONE],
        },
      },
    ],
    // Runs once: the projects inherit what it provides.
    globalSetup: ['test/support/global-setup.ts'],
    // As many at once as there are cores, where vitest would leave one idle. One more saves half a minute of twelve, and waits run out.
    maxWorkers: '100%',
    teardownTimeout: 20_000,
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      exclude: [
        // Run in worker threads of their own, where the coverage of this thread does not see them.
        'src/**/*.mjs',
        // Runs only as a process of its own: signals and exit codes are tested from outside.
        'src/main.ts',
        // Run in a browser, which test/sdk/browser-client.test.ts drives.
        'src/sdk/browser.ts',
        'src/sdk/browser/**',
        'src/sdk/react.ts',
      ],
      thresholds: { lines: 90, branches: 90 },
      reporter: ['text', 'json-summary'],
    },
  },
})
