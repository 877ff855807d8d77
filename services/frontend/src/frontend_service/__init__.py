"""Frontend: the server of the web UI."""
