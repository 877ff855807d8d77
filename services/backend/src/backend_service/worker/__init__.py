"""The worker: takes runs from the stream and executes their actions on their targets.

A run is executed by whoever holds its lease (a token and an end in its row) and renews it; every result and the end
of the run are written under that token. A worker that dies leaves a lease that ends, then the run goes on elsewhere
from the results that it has. An action may therefore happen twice, its result is recorded once.
"""
