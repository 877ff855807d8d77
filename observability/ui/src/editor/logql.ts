/** LogQL for the editor: colours, completion and a mark where the syntax ends. */
import { parser } from '@grafana/lezer-logql'
import type { CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { LanguageSupport, LRLanguage, syntaxTree } from '@codemirror/language'
import { linter, type Diagnostic } from '@codemirror/lint'
import type { Extension } from '@codemirror/state'
import { styleTags, tags } from '@lezer/highlight'
import { selectorOf } from '../model/logquery'

/** Where completion finds names and values. */
export interface LogNames {
  labels: () => Promise<string[]>
  values: (label: string) => Promise<string[]>
  fields: (selector: string) => Promise<string[]>
}

const language = LRLanguage.define({
  parser: parser.configure({
    props: [
      styleTags({
        'Sum Avg Count Max Min Stddev Stdvar Bottomk Topk Sort Sort_Desc': tags.function(tags.variableName),
        'Rate CountOverTime BytesRate BytesOverTime AvgOverTime SumOverTime MinOverTime MaxOverTime': tags.function(
          tags.variableName,
        ),
        'QuantileOverTime FirstOverTime LastOverTime AbsentOverTime': tags.function(tags.variableName),
        'By Without On Ignoring GroupLeft GroupRight Offset Unwrap': tags.modifier,
        'Json Logfmt Regexp Pattern Unpack LineFormat LabelFormat Decolorize Drop Keep': tags.keyword,
        String: tags.string,
        'Number Duration Bytes': tags.number,
        Identifier: tags.labelName,
        LineComment: tags.comment,
        'PipeExact PipeMatch PipePattern Nre Re Eq Neq Npa': tags.operator,
        '⚠': tags.invalid,
      }),
    ],
  }),
  languageData: { closeBrackets: { brackets: ['(', '[', '{', '"', '`'] }, commentTokens: { line: '#' } },
})

const STAGES = [
  'json',
  'logfmt',
  'pattern "<_>"',
  'regexp ""',
  'unpack',
  'line_format "{{.}}"',
  'label_format ',
  'unwrap ',
  'decolorize',
  'drop ',
  'keep ',
]
const FUNCTIONS = [
  'rate',
  'count_over_time',
  'bytes_rate',
  'bytes_over_time',
  'sum_over_time',
  'avg_over_time',
  'max_over_time',
  'min_over_time',
  'quantile_over_time',
  'absent_over_time',
  'sum',
  'avg',
  'count',
  'max',
  'min',
  'topk',
  'bottomk',
]

function complete(names: LogNames) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const before = context.state.sliceDoc(0, context.pos)
    const value = /[{,]\s*([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"]*)$/.exec(before)
    if (value) {
      const options = (await names.values(value[1]!)).map((label) => ({ label, type: 'text' }))
      return { from: context.pos - value[2]!.length, options, validFor: /^[^"]*$/ }
    }
    const label = /\{(?:[^}"]|"[^"]*")*?(?:^|[{,])\s*([a-zA-Z_]\w*)?$/.exec(before)
    if (label) {
      const options = (await names.labels()).map((name) => ({ label: name, type: 'property', apply: `${name}=` }))
      return { from: context.pos - (label[1]?.length ?? 0), options, validFor: /^\w*$/ }
    }
    const stage = /\|\s*([a-z_]*)$/.exec(before)
    if (stage) {
      const fields = await names.fields(selectorOf(before)).catch(() => [])
      const options = [
        ...STAGES.map((name) => ({ label: name.trim(), apply: name, type: 'keyword' })),
        ...fields.map((name) => ({ label: name, apply: `${name}=`, type: 'property', detail: 'field' })),
      ]
      return { from: context.pos - stage[1]!.length, options, validFor: /^\w*$/ }
    }
    const call = /(?:^|[\s(])([a-z_]+)$/.exec(before)
    if (!call || syntaxTree(context.state).resolveInner(context.pos, -1).name === 'String') return null
    const options = FUNCTIONS.map((name) => ({ label: name, type: 'function', apply: `${name}(` }))
    return { from: context.pos - call[1]!.length, options, validFor: /^\w*$/ }
  }
}

const lint = linter(
  (view) => {
    const found: Diagnostic[] = []
    syntaxTree(view.state).iterate({
      enter: (node) => {
        if (node.type.isError && view.state.doc.length && !found.length) {
          found.push({
            from: node.from,
            to: Math.max(node.to, Math.min(node.from + 1, view.state.doc.length)),
            severity: 'error',
            message: 'The syntax is wrong here.',
          })
        }
      },
    })
    return found
  },
  { delay: 400 },
)

export const logql = (names: LogNames): Extension => [
  new LanguageSupport(language),
  language.data.of({ autocomplete: complete(names) }),
  lint,
]
