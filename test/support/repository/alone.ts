/**
 * The test files that change the process that they run in, or measure it: each has a process of its own. All others follow each other in
 * few processes, where src and the harness are loaded once. test/tidy.test.ts finds the files that are missing here.
 */
export const ALONE = [
  // Set the variables of the environment, the clock or the timers.
  'test/cli/doctor/doctor.test.ts',
  'test/platform/outbound/outbound.test.ts',
  'test/sdk/verify/elapsed.test.ts',
  'test/sdk/verify/keys.test.ts',
  // Measure memory, threads or the event loop.
  'test/cli/accounts/accounts-import.test.ts',
  'test/platform/mail-queue.test.ts',
  'test/platform/passwords.test.ts',
  'test/sdk/feed/id-set.test.ts',
] as const
