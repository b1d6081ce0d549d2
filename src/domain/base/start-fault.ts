/** The configuration does not allow a start. Each line says what is wrong and what to do; main prints the lines and exits with 2. */
export class StartFault extends Error {
  override readonly name = 'StartFault'
  readonly lines: readonly string[]

  constructor(lines: readonly string[], cause?: unknown) {
    super(lines.join('\n'), { cause })
    this.lines = lines
  }
}
