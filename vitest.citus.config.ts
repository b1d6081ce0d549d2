import { defineConfig } from 'vitest/config'
import { LEFT_OUT } from './test/support/citus/left-out.ts'
import base from './vitest.config.ts'

/** `npm run test:citus`: the suites of the contract on the cluster of TEST_CITUS_URL. What is left out is said at the end, with its reason. */
export default defineConfig({
  test: {
    include: ['test/{store,grants,flows,http,attacks,cli,compose,process}/**/*.test.ts'],
    exclude: Object.keys(LEFT_OUT),
    globalSetup: ['test/support/citus/report.ts', 'test/support/global-setup.ts'],
    // A file loads up to 800 modules: once for all files of a process.
    isolate: false,
    maxWorkers: base.test?.maxWorkers ?? 1,
    // A database of each test is made on each node, and a statement over all shards takes milliseconds.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
})
