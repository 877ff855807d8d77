"""Stages: what a pipeline does to an entry, a file each; `build` reads them from YAML, `pipeline` runs them."""
