"""Save and load fitted generators: a folder of two files, without pickle.

``config.json`` says what the generator is; ``model.safetensors`` holds its numbers:
weights, scaling, history, and what the training series were given. Reading is made for
files of unknown origin: everything is checked against the configuration before memory
is taken, and nothing is ever executed.

`files` finds and parses, `config` and `arrays` know the two contents, `writing` puts a
folder in its place.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.numpy
from sklearn.utils.validation import check_is_fitted

from tsgen.nn.devices import resolve_device
from tsgen.persistence.arrays import (
    check_conditions,
    check_form,
    check_levels,
    check_scaling,
    expected_layout,
    read_arrays,
)
from tsgen.persistence.config import (
    Config,
    Generator,
    check_names,
    configuration,
    constructed,
    read_config,
)
from tsgen.persistence.files import CONFIG, MAX_TEXT, WEIGHTS, check_folder, member
from tsgen.persistence.writing import check_target, write_folder

if TYPE_CHECKING:
    from tsgen.generators.base import BaseGenerator

__all__ = ["load", "save"]


def save(generator: BaseGenerator, path: str | os.PathLike) -> None:
    """Write a fitted generator to a folder, atomically.

    The folder appears complete or not at all, and a model that was there before stays
    whole until then. A `random_state` other than an int is saved as None, and the state
    of the optimiser is not saved: `warm_start` starts anew after loading.

    Parameters
    ----------
    generator : BaseGenerator
        Fitted.
    path : str or path-like
        Folder to create. One that is empty or holds a saved generator and nothing else
        is replaced. Symbolic links are followed.

    Raises
    ------
    NotFittedError
        If the generator is not fitted.
    FileExistsError
        If something else is at `path`.
    OSError
        If the files cannot be written; nothing is then left behind.

    Notes
    -----
    The folder holds no training series, unless all were equal, but what was given with
    each: its class or number `y`, static variables and length, and which entries it
    lacks. `sample` draws from these. Leave out of `fit` what must not be passed on.
    """
    check_is_fitted(generator)
    target = Path(os.path.realpath(path))
    check_target(target)
    write_folder(target, _contents(generator))


def load(
    cls: type[Generator], path: str | os.PathLike, *, device: str = "auto"
) -> Generator:
    """Read a generator from a folder written by `save`.

    Parameters
    ----------
    cls : type
        Class of the generator; a folder of another class is refused.
    path : str or path-like
        Folder to read.
    device : str, default="auto"
        Where to put the generator, in place of its parameter of this name: "auto"
        takes CUDA when there is one.

    Returns
    -------
    BaseGenerator
        Fitted, an instance of `cls`.

    Raises
    ------
    FileNotFoundError
        If nothing is at `path`.
    InvalidModelFileError
        If a file is missing, damaged or holds something else.
    ValueError
        If the device is not there.
    """
    resolve_device(device)
    folder = Path(path)
    check_folder(folder)
    config = read_config(folder)
    generator = constructed(cls, config, folder / CONFIG)
    arrays = read_arrays(generator, config, member(folder, WEIGHTS))
    check_levels(arrays, folder / WEIGHTS)
    check_scaling(config["facts"], arrays, folder / WEIGHTS)
    check_conditions(config["facts"], arrays, folder / WEIGHTS)
    check_form(config["facts"], folder / CONFIG)
    generator.set_params(device=device)
    generator._restore(config["facts"], arrays, device)
    return generator


def _contents(generator: BaseGenerator) -> dict[str, bytes]:
    """Serialise a generator: the bytes of each file."""
    facts, exported = generator._export()
    arrays = {name: np.asarray(array, order="C") for name, array in exported.items()}
    weights = safetensors.numpy.save(arrays)
    config = configuration(generator, facts, arrays, weights)
    _check_parameters_of_fit(generator, config, arrays)
    check_names(generator, facts)
    text = json.dumps(config, indent=2, allow_nan=False).encode()
    if len(text) > MAX_TEXT:
        raise ValueError(
            f"The configuration must fit into {MAX_TEXT} bytes, got {len(text)}. "
            "Fit on an array, or on shorter column names and fewer categories."
        )
    return {CONFIG: text, WEIGHTS: weights}


def _check_parameters_of_fit(
    generator: BaseGenerator, config: Config, arrays: dict[str, np.ndarray]
) -> None:
    """Refuse to write what `load` would refuse to read."""
    generator._validate_params()
    generator._check_options(generator.n_levels)
    layout = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    same = generator._architecture == generator._current_architecture()
    network = generator._blueprint()
    if not same or layout != expected_layout(network, generator, config):
        raise ValueError(
            f"{type(generator).__name__} must be saved with the parameters of its fit, "
            "got others: they make another network. Fit again, or set them back."
        )
