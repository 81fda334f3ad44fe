"""Training: makes weights from a corpus. Of it, play imports `flagship_effects` alone, for the command `effects`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; see `network.weights` for the reason
