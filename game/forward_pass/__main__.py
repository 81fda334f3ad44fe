"""``python -m forward_pass`` and the command ``forward-pass``."""

import gc
import sys

GC_THRESHOLD = 50_000  # allocations before a collection; Python has 700. A start allocates as many, and almost none is garbage


def main() -> int:
    """Run the command line and return its exit code. ``--version`` alone is answered before anything else is imported."""
    try:
        if sys.argv[1:] == ["--version"]:
            return _version()
        gc.set_threshold(GC_THRESHOLD)
        from forward_pass.cli import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # Ctrl-C while modules are imported
        return 130


def _version() -> int:
    from forward_pass import __version__

    try:
        print(f"forward-pass {__version__}", flush=True)
    except OSError as error:
        from forward_pass.cli import discard_stdout, report_error

        discard_stdout()
        return 0 if isinstance(error, BrokenPipeError) else report_error(f"forward-pass: {error.strerror}", 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
