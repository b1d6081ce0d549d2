/** All that the rest of the program may know of the pool, the driver and its faults. */
export { inBatches } from './batches.ts'
export { type Database, openDatabase } from './database.ts'
export { type Address, addressesOf, type DatabasePlace } from './hosts.ts'
export { isOutage, ROLLED_BACK, UNIQUE_VIOLATION } from './outage.ts'
export { onPrimary } from './primary.ts'
export { quoteIdentifier } from './qualify.ts'
export { findSettingFaults } from './session-settings.ts'
export { inTransaction } from './transaction.ts'
