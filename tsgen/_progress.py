"""Progress bars, for those who ask for them."""

from __future__ import annotations

from typing import Any


class ProgressBar:
    """A progress bar on the standard error stream, or nothing at all.

    Parameters
    ----------
    total : int
        Number of steps.
    description : str
        Shown before the bar.
    verbose : int
        0 shows nothing and needs nothing installed.
    """

    def __init__(self, total: int, description: str, verbose: int) -> None:
        self._bar = _tqdm(total, description) if verbose else None

    def advance(self, **figures: float) -> None:
        """Count one step and show the latest figures beside the bar."""
        if self._bar is not None:
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm(total: int, description: str) -> Any:
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(
            "verbose=1 shows a progress bar and needs tqdm: install it with "
            "pip install 'tsgen-latent[progress]', or set verbose=0."
        ) from error
    return tqdm(total=total, desc=description)
