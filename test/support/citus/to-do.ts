export const SPREAD_YET: readonly string[] = [
  'families/step-up-family createStepUpFamily',
]

export const HALF_YET: readonly string[] = []
