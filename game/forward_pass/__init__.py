"""Forward Pass: a text adventure in which you are the model, in the middle of one forward pass."""

import os

__version__ = "0.1.0"

# The matrices are 48 numbers wide: a second thread of the linear algebra only waits for the first. The setting counts only
# before NumPy is imported, whoever imports it; whoever sets it himself is heard.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
