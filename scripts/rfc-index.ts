/** Prints docs/rfc-index.md. `npm run docs:rfc-index` */
import { renderRfcIndex } from '../test/support/repository/rfc-index.ts'

process.stdout.write(renderRfcIndex())
