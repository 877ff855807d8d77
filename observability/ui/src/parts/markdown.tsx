/** Text panels: the part of Markdown that they use, made of elements and never of HTML. */
import type { ComponentChildren, JSX } from 'preact'

export function Markdown({ text, isHtml }: { text: string; isHtml: boolean }): JSX.Element {
  const plain = isHtml ? text.replace(/<br\s*\/?>|<\/(?:p|div|li|h\d)>/gi, '\n').replace(/<[^>]*>/g, '') : text
  const blocks: JSX.Element[] = []
  let items: string[] = []
  const closeList = (): void => {
    if (items.length)
      blocks.push(
        <ul key={blocks.length}>
          {items.map((one, index) => (
            <li key={index}>{inline(one)}</li>
          ))}
        </ul>,
      )
    items = []
  }
  for (const line of plain.split('\n')) {
    const item = /^\s*[-*]\s+(.*)$/.exec(line)
    if (item) {
      items.push(item[1]!)
      continue
    }
    closeList()
    const heading = /^#{1,6}\s+(.*)$/.exec(line)
    if (heading) blocks.push(<h3 key={blocks.length}>{inline(heading[1]!)}</h3>)
    else if (line.trim()) blocks.push(<p key={blocks.length}>{inline(line)}</p>)
  }
  closeList()
  return <div class="markdown">{blocks}</div>
}

const MARK = /\*\*([^*]+)\*\*|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g

function inline(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = []
  let end = 0
  for (const found of text.matchAll(MARK)) {
    parts.push(text.slice(end, found.index))
    const [whole, bold, code, name, address] = found
    if (bold) parts.push(<b>{bold}</b>)
    else if (code) parts.push(<code>{code}</code>)
    else
      parts.push(
        /^(https?:|\/)/.test(address!) ? (
          <a href={address} rel="noreferrer">
            {name}
          </a>
        ) : (
          name
        ),
      )
    end = found.index + whole.length
  }
  return [...parts, text.slice(end)]
}
