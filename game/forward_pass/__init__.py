"""Forward Pass: a text adventure in which you are the model, in the middle of one forward pass.

The names of ``__all__`` are the public face of the package. Each is imported when it is first asked for: importing the package
alone imports nothing.
"""

import os

TYPE_CHECKING = False  # type checkers know the name; importing it from typing takes longer than all the rest
if TYPE_CHECKING:
    from forward_pass.api import Offer, Pass, PassResult, Session, check, load_world
    from forward_pass.errors import ForwardPassError, UsageError, WorldError
    from forward_pass.network.hooks import AddDirection, Freeze, Patch, Silence
    from forward_pass.story.state import Act, Prior

__all__ = [
    "Act",
    "AddDirection",
    "ForwardPassError",
    "Freeze",
    "Offer",
    "Pass",
    "PassResult",
    "Patch",
    "Prior",
    "Session",
    "Silence",
    "UsageError",
    "WorldError",
    "__version__",
    "check",
    "load_world",
]

__version__ = "0.2.0"

_MODULES = {  # where each public name is defined
    **dict.fromkeys(("Offer", "Pass", "PassResult", "Session", "check", "load_world"), "forward_pass.api"),
    **dict.fromkeys(("ForwardPassError", "UsageError", "WorldError"), "forward_pass.errors"),
    **dict.fromkeys(("AddDirection", "Freeze", "Patch", "Silence"), "forward_pass.network.hooks"),
    **dict.fromkeys(("Act", "Prior"), "forward_pass.story.state"),
}

# The weight matrices are 48 wide: a second thread of the linear algebra library costs more than it saves. The variable is read
# when NumPy is imported, so it is set here; a value that the user set is kept.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def __getattr__(name: str) -> object:
    """Return a public name, imported now; raises ``AttributeError`` where there is no such name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - importing the package imports nothing

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
