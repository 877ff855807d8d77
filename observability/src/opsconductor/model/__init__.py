"""Model: labels, time, durations, addresses, paths, records and errors; imports nothing of ours."""
