"""Figures, printed: `make bench` runs them all, `python -m benchmarks NAME` one."""
