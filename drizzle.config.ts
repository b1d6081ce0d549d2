import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: [
    './src/store/schema/tables.ts',
    './src/store/schema/factor-tables.ts',
    './src/store/schema/authorization-tables.ts',
    './src/store/schema/device-tables.ts',
    './src/store/schema/client-tables.ts',
    './src/store/schema/delivery-tables.ts',
    './src/store/schema/identity-tables.ts',
    './src/store/schema/session-tables.ts',
    './src/store/schema/event-tables.ts',
  ],
  out: './drizzle',
})
