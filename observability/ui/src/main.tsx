import { render } from 'preact'
import './style/base.css'
import './style/parts.css'
import './style/pages.css'
import { App } from './app'
import { startTheme } from './state/theme'

startTheme()
render(<App />, document.getElementById('app')!)
