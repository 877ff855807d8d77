import type { ComponentChildren, JSX } from 'preact'
import { linkTo, type Patch } from '../model/place'
import { go, usePlace } from '../state/place'

interface Props {
  to: string
  with?: Patch
  children: ComponentChildren
  class?: string
  current?: boolean
  label?: string
  title?: string
}

/** A link to another page that keeps the time range; a real one, so that it opens in a tab as well. */
export function Link(props: Props): JSX.Element {
  const { params } = usePlace()
  const address = linkTo(props.to, params, props.with)
  const click = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return
    event.preventDefault()
    event.stopPropagation()
    go(address)
  }
  return (
    <a
      href={address}
      class={props.class}
      onClick={click}
      aria-current={props.current ? 'page' : undefined}
      aria-label={props.label}
      title={props.title}
    >
      {props.children}
    </a>
  )
}
