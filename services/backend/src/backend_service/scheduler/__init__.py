"""The scheduler: fires schedules that are due, re-enqueues runs that the stream has lost, drops old runs.

Several may run: each works on rows that it has locked and passes over rows that another has.
"""
