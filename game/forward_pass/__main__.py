"""``python -m forward_pass`` and the command ``forward-pass``."""

import gc
import sys

MADE_BEFORE_COLLECTING = 50_000  # values, where Python has 700: a start makes as many, and next to none of them is garbage


def main() -> int:
    """Carry out the command line; return its exit code. ``--version`` alone is answered before anything is imported."""
    try:
        if sys.argv[1:] == ["--version"]:
            return _version()
        gc.set_threshold(MADE_BEFORE_COLLECTING)
        from forward_pass.cli import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # while modules were read
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
