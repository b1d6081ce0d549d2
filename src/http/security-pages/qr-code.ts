import { encodeQR } from 'qr'
import { attributes, type Html, html } from '../layout/html.ts'

/** ISO/IEC 18004 §6.3.8 – Four modules of light around the symbol. */
const QUIET_ZONE = 4

/** ISO/IEC 18004 – A text as a QR code: an image within the page, so that no other server learns what is in it. */
export const qrCode = (text: string, label: Html): Html => {
  const modules = encodeQR(text, 'raw', { ecc: 'medium', border: QUIET_ZONE })
  const path = modules.flatMap((row, y) => runsOf(row).map(run => pathOf(run, y))).join('')
  const all = {
    class: 'qr',
    viewBox: `0 0 ${modules.length} ${modules.length}`,
    role: 'img',
    'aria-label': label,
  }
  return html`<svg${attributes(all)}><path d="${path}"/></svg>`
}

type Run = Readonly<{ from: number; length: number }>

/** The dark modules of a row that stand side by side: one rectangle each. */
const runsOf = (row: readonly boolean[]): readonly Run[] => {
  const starts = row.flatMap((isDark, x) => (isDark && row[x - 1] !== true ? [x] : []))
  return starts.map(from => {
    const end = row.indexOf(false, from)
    return { from, length: (end === -1 ? row.length : end) - from }
  })
}

const pathOf = ({ from, length }: Run, y: number): string => `M${from} ${y}h${length}v1h-${length}z`
