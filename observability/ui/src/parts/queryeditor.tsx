import type { EditorView } from '@codemirror/view'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Language } from '../editor/editor'

interface Props {
  language: Language
  text: string
  label: string
  onRun: (text: string) => void
}

/** An editor for one query: Enter runs it, Shift-Enter makes a line, "/" goes to it from anywhere. */
export function QueryEditor(props: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const draft = useRef(props.text)
  const latest = useRef(props)
  latest.current = props
  useEffect(() => {
    let gone = false
    void import('../editor/editor').then(({ makeEditor }) => {
      if (gone || !box.current) return // a page that was left while the code was on its way
      box.current.replaceChildren()
      view.current = makeEditor(box.current, {
        language: latest.current.language,
        text: draft.current,
        label: latest.current.label,
        onRun: (text) => latest.current.onRun(text),
        onChange: (text) => void (draft.current = text),
      })
    })
    return () => {
      gone = true
      view.current?.destroy()
      view.current = null
    }
  }, [props.language.name])
  useEffect(() => {
    draft.current = props.text
    if (view.current) void import('../editor/editor').then(({ setText }) => view.current && setText(view.current, props.text))
  }, [props.text])
  return (
    <div class="query">
      <div ref={box} class="editor">
        <pre>{props.text || ' '}</pre>
      </div>
      <button class="primary" onClick={() => props.onRun(draft.current)}>
        Run query
      </button>
    </div>
  )
}
