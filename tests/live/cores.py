"""How many threads an engine has in a test: llama.cpp's wait for each other in loops, which costs much where other tests
want the cores too.
"""

import os

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
THREADS = max(1, len(os.sched_getaffinity(0)) // WORKERS)
