/** The query editor; it loads when the first one is shown. */
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
  selectedCompletion,
  selectedCompletionIndex,
  startCompletion,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands'
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { lintKeymap } from '@codemirror/lint'
import { EditorState, Prec, type Extension } from '@codemirror/state'
import { drawSelection, EditorView, keymap, placeholder } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { PromQLExtension } from '@prometheus-io/codemirror-promql'
import { logql, type LogNames } from './logql'

export type { LogNames } from './logql'

export type Language = { name: 'logql'; names: LogNames } | { name: 'promql'; url: string }

export interface EditorSpec {
  language: Language
  text: string
  label: string
  onRun: (text: string) => void
  onChange: (text: string) => void
}

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--kw)' },
  { tag: tags.modifier, color: 'var(--kw)' },
  { tag: tags.string, color: 'var(--str)' },
  { tag: [tags.number, tags.bool], color: 'var(--num)' },
  { tag: tags.labelName, color: 'var(--lbl)' },
  { tag: tags.function(tags.variableName), color: 'var(--fn)' },
  { tag: tags.operator, color: 'var(--fg2)' },
  { tag: tags.comment, color: 'var(--fg2)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--err)' },
])

const theme = EditorView.theme({
  '&': { fontSize: '13px', background: 'var(--surface)', border: '1px solid var(--edge)', borderRadius: '6px' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-1px' },
  '.cm-content': { fontFamily: 'var(--mono)', caretColor: 'var(--fg)', padding: '5px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--fg)' },
  '.cm-placeholder': { color: 'var(--fg2)' },
  '.cm-tooltip': { background: 'var(--surface)', border: '1px solid var(--edge)', color: 'var(--fg)' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { background: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { background: 'var(--hit)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--pick)',
  },
})

function languageOf(language: Language): Extension {
  if (language.name === 'logql') return [logql(language.names), placeholder('{service="backend"} |= "timeout"')]
  const remote = { url: language.url, fetchFn: fetch.bind(window), httpMethod: 'GET' as const }
  return [
    new PromQLExtension().setComplete({ remote }).asExtension(),
    placeholder('rate(http_server_request_duration_seconds_count[5m])'),
  ]
}

/** Enter runs the query unless it takes what the user chose from the list, or the rest of a word that is begun. */
function isCompleting(state: EditorState): boolean {
  const begun = /[\w:.]+$/.exec(state.sliceDoc(0, state.selection.main.head))?.[0]
  return (selectedCompletionIndex(state) ?? 0) > 0 || (begun !== undefined && selectedCompletion(state)?.label !== begun)
}

export function makeEditor(parent: HTMLElement, spec: EditorSpec): EditorView {
  const run = (view: EditorView): boolean => {
    if (isCompleting(view.state) && acceptCompletion(view)) return true
    closeCompletion(view)
    spec.onRun(view.state.doc.toString())
    return true
  }
  const extensions = [
    history(),
    drawSelection(),
    closeBrackets(),
    bracketMatching(),
    autocompletion({ defaultKeymap: false }),
    syntaxHighlighting(colors),
    languageOf(spec.language),
    Prec.highest(
      keymap.of([
        { key: 'Enter', run },
        { key: 'Shift-Enter', run: insertNewlineAndIndent },
        { key: 'Mod-Space', run: startCompletion },
        ...completionKeymap,
      ]),
    ),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...lintKeymap]),
    EditorView.lineWrapping,
    EditorView.domEventHandlers({ blur: (_event, view) => void closeCompletion(view) }), // also of names still on their way
    EditorView.contentAttributes.of({ 'aria-label': spec.label, spellcheck: 'false' }),
    EditorView.updateListener.of((update) => update.docChanged && spec.onChange(update.state.doc.toString())),
    theme,
  ]
  return new EditorView({ parent, state: EditorState.create({ doc: spec.text, extensions }) })
}

export function setText(view: EditorView, text: string): void {
  if (view.state.doc.toString() !== text) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
}
