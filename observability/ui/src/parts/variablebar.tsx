import type { JSX } from 'preact'
import { ALL, type Values, type Variable } from '../model/variables'
import { patch } from '../state/place'

/** The variables of a dashboard; what is chosen goes to the URL as var-NAME. */
export function VariableBar({ values }: { values: Values }): JSX.Element | null {
  const shown = [...values.values()].filter((one) => !one.spec.hidden)
  if (!shown.length) return null
  return (
    <div class="chips controls">
      {shown.map((one) => (
        <Choice key={one.spec.name} variable={one} />
      ))}
    </div>
  )
}

function Choice({ variable }: { variable: Variable }): JSX.Element {
  const { spec, options, value } = variable
  const set = (next: string[]): void => patch({ [`var-${spec.name}`]: next })
  if (spec.type === 'textbox')
    return (
      <label>
        {spec.label} <input value={value[0] ?? ''} onChange={(event) => set([event.currentTarget.value])} />
      </label>
    )
  if (spec.multi) return <Several variable={variable} set={set} />
  return (
    <label>
      {spec.label}
      <select value={value[0]} onChange={(event) => set([event.currentTarget.value])}>
        {spec.includeAll && <option value={ALL}>All</option>}
        {options.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  )
}

function Several({ variable, set }: { variable: Variable; set: (next: string[]) => void }): JSX.Element {
  const { spec, options, value } = variable
  const all = value.includes(ALL)
  const toggle = (one: string): void => {
    const rest = value.filter((each) => each !== ALL && each !== one)
    const next = !all && value.includes(one) ? rest : [...rest, one]
    set(next.length ? next : [ALL])
  }
  return (
    <div class="several">
      <span class="hint">{spec.label}</span>
      <details class="menu">
        <summary aria-label={`${spec.label}: ${all ? 'All' : value.join(', ')}`}>
          {all ? 'All' : value.join(', ') || 'None'}
        </summary>
        <div class="menu-body left" role="group" aria-label={spec.label}>
          {spec.includeAll && (
            <label>
              <input type="checkbox" checked={all} onChange={() => set([ALL])} /> All
            </label>
          )}
          {options.map((one) => (
            <label key={one}>
              <input type="checkbox" checked={!all && value.includes(one)} onChange={() => toggle(one)} /> {one}
            </label>
          ))}
        </div>
      </details>
    </div>
  )
}
