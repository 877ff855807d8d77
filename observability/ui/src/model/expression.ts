/** An alert's expression as a chart: what is compared, and with what. */
export interface Comparison {
  /** What to draw: the expression without its comparison, where that compares with a number. */
  expr: string
  threshold: number | null
  op: string | null
}

const COMPARISON = /^(.*?)\s*(==|!=|>=|<=|>|<)\s*(?:bool\s+)?([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*$/s

/** "rate(x[5m]) > 0.5" → rate(x[5m]), 0.5. What does not end with a comparison at its top stays as it is. */
export function splitComparison(expr: string): Comparison {
  const found = COMPARISON.exec(expr.trim())
  if (!found || !isBalanced(found[1]!) || hasSetOperator(found[1]!)) return { expr: expr.trim(), threshold: null, op: null }
  return { expr: found[1]!.trim(), threshold: Number(found[3]), op: found[2]! }
}

/** The text with its strings blanked, so that what they hold does not count. */
const withoutStrings = (expr: string): string =>
  expr.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, (text) => ' '.repeat(text.length))

function isBalanced(expr: string): boolean {
  let depth = 0
  for (const char of withoutStrings(expr)) {
    if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) depth--
    if (depth < 0) return false
  }
  return depth === 0
}

/** Whether "and", "or" or "unless" stands outside of all parentheses: a comparison then belongs to its right side only. */
function hasSetOperator(expr: string): boolean {
  let depth = 0
  let top = ''
  for (const char of withoutStrings(expr)) {
    if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) depth--
    top += depth ? ' ' : char
  }
  return /\b(and|or|unless)\b/.test(top)
}
