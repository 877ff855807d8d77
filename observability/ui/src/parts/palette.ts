/** Colours of series and of services: by number, and by name so that a service keeps its colour everywhere. */
const HUES = [214, 28, 145, 350, 265, 190, 48, 310, 95, 170, 0, 240]

const toHex = (hue: number, saturation: number, light: number): string => {
  const part = (shift: number): string => {
    const k = (shift + hue / 30) % 12
    const value = light - saturation * Math.min(light, 1 - light) * Math.max(-1, Math.min(k - 3, 9 - k, 1))
    return Math.round(value * 255)
      .toString(16)
      .padStart(2, '0')
  }
  return `#${part(0)}${part(8)}${part(4)}`
}

export const seriesColor = (index: number): string =>
  toHex(HUES[index % HUES.length]!, 0.62, 0.5 + 0.08 * (Math.floor(index / HUES.length) % 3))

export function nameColor(name: string): string {
  let hash = 7
  for (let at = 0; at < name.length; at++) hash = (Math.imul(hash, 31) + name.charCodeAt(at)) >>> 0
  return seriesColor(hash % 24)
}
