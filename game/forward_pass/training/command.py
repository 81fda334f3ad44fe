"""What the command `train` runs: training with a display, its failures as errors of the program. Imports torch."""

from pathlib import Path

from forward_pass.errors import RunError
from forward_pass.training.grammar import GrammarError
from forward_pass.training.progress import Display
from forward_pass.training.publish import ModelFiles, read_corpus
from forward_pass.training.train import BandsMissedError, train


def train_world(folder: Path, checkpoints: Path, into: Path, *, seed: int, resume: bool) -> ModelFiles:
    """Train the model of the world in `folder`; return the files written. Raises `RunError` where a band is missed."""
    try:
        with Display(read_corpus(folder).schedule) as display:
            return train(folder, checkpoints, seed=seed, resume=resume, observer=display, folder=into).files
    except BandsMissedError as error:
        raise RunError(f"no weights were written: {error}") from None
    except GrammarError as error:
        raise RunError(f"{folder}/corpus: {error}") from None
