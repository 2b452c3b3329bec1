"""What is measured, how, and against what."""

import os

# Before NumPy is loaded: what is timed on one core must not be shared out by a library.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
