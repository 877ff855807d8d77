"""Collector: files are found, tailed, staged, journalled and pushed; an offset moves when the store has said 2xx.

`role.main` composes it. `config_file` reads promtail.yml. One `Flow` a client does the work, synchronously and
without a clock of its own: `discovery` finds paths, `registry` knows each file by identity (`identity`, `source`)
through renames and truncation, `tail` reads whole lines, `stages` turn them into entries, `batch` encodes them,
`journal` and `positions` make it survive. `shipper` is the flow's asynchronous shell: polling, pushing (`push`),
retrying for ever.

What rotation can hide from it: content that was compressed or moved to another folder while it was away, and a file
that was rotated away before one look found it under its own name and nothing followed under that name. A copy that
a glob matches itself is a file of its own.
"""
