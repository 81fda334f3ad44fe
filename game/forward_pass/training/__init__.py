"""Training: a room of its own that makes weights from a corpus. Nothing at play time imports it."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes; why, says `forward_pass.network.weights`
