"""Rule groups and alert state; the query function is injected."""
