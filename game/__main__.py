"""``python -m game`` and the command ``forward-pass``."""

import sys


def main() -> int:
    """Carry out the command line; return its exit code. ``--version`` alone is answered before anything is imported."""
    if sys.argv[1:] == ["--version"]:
        from game import __version__

        try:
            print(f"forward-pass {__version__}", flush=True)
        except BrokenPipeError:
            from game.cli import let_go_of_stdout

            let_go_of_stdout()
        return 0
    from game.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
