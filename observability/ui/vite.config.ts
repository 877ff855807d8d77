/// <reference types="vitest/config" />
import { defineConfig } from 'vite'

// `npm run dev` shows the UI of this folder over the API of a running dashboards role.
const api = { target: 'http://127.0.0.1:3001', ws: true }

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { proxy: { '/api': api, '/login': api, '/logout': api } },
  build: { outDir: '../src/opsconductor/dashboards/static', emptyOutDir: true, target: 'es2022' },
  test: { maxWorkers: 1, include: ['test/**/*.test.{ts,tsx}'] },
})
