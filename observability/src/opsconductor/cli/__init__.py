"""The command line: composes the rooms and supervises both clusters."""
