"""The generators of the tables by name, unfitted, with the options of their row."""

from __future__ import annotations

from typing import Any

from tsgen import (
    DiffusionGenerator,
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
)
from tsgen.comparison.result import FLOOR
from tsgen.comparison.runs import DUMMIES

BACKBONES = ("lstm", "transformer")
STABLE, PLAIN, DIRECT = "stable posterior", "latent diffusion", "diffusion"
REFERENCES = (FLOOR, *DUMMIES)  # without a network, and so without a backbone

_REMEDIES: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "+ KL annealing": {"kl_annealing": "monotonic"},
    "+ variable masking": {"variable_masking": 0.3},
    "+ skip connections": {"skip_connections": True},
    "+ mutual information": {"mutual_information": 1.0},
    "+ inverse Lipschitz": {"inverse_lipschitz": 1.0},
    "+ KL weight 1e-6": {"kl_weight": 1e-6},
}
TABLE_1 = (STABLE, *tuple(_REMEDIES)[:4])
TABLE_2 = (*tuple(_REMEDIES)[4:], DIRECT)
METHODS = (*TABLE_1, *TABLE_2)
_AS_PRINTED = ", as in the paper"
PAPERS = tuple(f"{name}{_AS_PRINTED}" for name in (STABLE, *_REMEDIES))
ALL = (*METHODS, *PAPERS)

_PRINTED: dict[str, Any] = {"likelihood": "gaussian", "latent_size": 64}
FORM_OF_THE_PAPER: dict[str, dict[str, Any]] = {  # the latent enters at the first step
    PLAIN: _PRINTED,
    STABLE: _PRINTED | {"skip_connections": False, "n_inference_levels": 50},
}

_BUDGETS: dict[str, dict[str, int]] = {  # epochs; those of the package if full
    "quick": {"max_iter": 20, "prior_max_iter": 40},
    "full": {},
}


def make(name: str, backbone: str, mode: str, seed: int) -> Any:
    """Return an unfitted generator or dummy.

    Parameters
    ----------
    name : str
        One of `ALL`, or of the dummies of `tsgen.compare`.
    backbone : {"lstm", "transformer", ""}
        Empty for what has none.
    mode : {"quick", "full"}
        Epochs of the first and of the second stage: 20 and 40, or the defaults.
    seed : int
    """
    if name in DUMMIES:
        return type(DUMMIES[name])(random_state=seed)
    budget = _BUDGETS[mode]
    shared = {"random_state": seed}
    if name == DIRECT:
        epochs = {"max_iter": sum(budget.values())} if budget else {}
        return DiffusionGenerator(**shared, **epochs)
    options = {"backbone": backbone, "check_collapse": False, **shared}
    if name in PAPERS:
        name = name.removesuffix(_AS_PRINTED)
        options |= FORM_OF_THE_PAPER[STABLE if name == STABLE else PLAIN]
    if name in _REMEDIES:
        return LatentDiffusionGenerator(**_REMEDIES[name], **options, **budget)
    return StablePosteriorGenerator(**options, **budget)


def backbones(name: str, chosen: tuple[str, ...] = BACKBONES) -> tuple[str, ...]:
    """Return the backbones that a generator is fitted with."""
    return ("",) if name == DIRECT or name in REFERENCES else chosen
