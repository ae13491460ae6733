"""Gradients: taken where they are needed, whatever mode torch is in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def differentiating() -> Iterator[None]:
    """Let a block, or a function, differentiate under no_grad and inference_mode too.

    It must make its tensors itself: those made in inference mode have no derivatives.
    """
    with torch.inference_mode(False), torch.enable_grad():
        yield
