#!/usr/bin/env node
/**
 * The entry of the package. It imports nothing and keeps to the syntax of Node 14: an older Node refuses the other modules
 * with a SyntaxError, where its user is to read which Node is needed.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

// package.json, "engines", says the same to npm.
if (major > 20 || (major === 20 && minor >= 19)) {
  await import('./start.ts')
} else {
  process.stderr.write(
    `signetd: this is Node.js ${process.versions.node}, and Signet needs 20.19 or later: install a current one from https://nodejs.org\n`,
  )
  process.exitCode = 2
}
