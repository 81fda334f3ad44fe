"""Training: makes weights from a corpus. Nothing at play time imports it."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; see `network.weights` for the reason
