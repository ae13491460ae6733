"""The configuration: what a generator is, as JSON values, and their checks."""

from __future__ import annotations

import hashlib
import reprlib
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import sklearn
import torch

import tsgen
from tsgen._conditions import Conditions
from tsgen._forms import Form
from tsgen._recurrence import are_recurring
from tsgen.persistence.files import CONFIG, MAX_TEXT, invalid, member, parsed

if TYPE_CHECKING:
    from tsgen.generators.base import BaseGenerator

Generator = TypeVar("Generator", bound="BaseGenerator")
Config = dict[str, Any]

FORMAT_VERSION = 12  # to raise when files that it wrote can no longer be read
MAX_COUNT = 2**31

CONFIG_KEYS = (
    "format_version",
    "class",
    "params",
    "facts",
    "history",
    "repeats_one_series",
    "sha256",
    "versions",
)
FACTS = (
    "n_timesteps",
    "n_channels",
    "n_values",
    "n_recurring",
    "form",
    "conditions",
    "dtype",
    "n_iter",
)


def configuration(
    generator: BaseGenerator,
    facts: dict[str, Any],
    arrays: dict[str, np.ndarray],
    weights: bytes,
) -> Config:
    """Describe a generator and the bytes of its arrays."""
    return {
        "format_version": FORMAT_VERSION,
        "class": type(generator).__name__,
        "params": _plain_params(generator),
        "facts": facts,
        "history": {
            name.removeprefix("history."): len(array)
            for name, array in arrays.items()
            if name.startswith("history.")
        },
        "repeats_one_series": "only_series" in arrays,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Name what wrote the folder; for people, reading does not depend on it."""
    return {
        "tsgen": tsgen.__version__,
        "torch": str(torch.__version__),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }


def _plain_params(generator: BaseGenerator) -> dict[str, Any]:
    """Return the constructor's parameters as JSON values."""
    params = generator.get_params(deep=False)
    if not isinstance(params["random_state"], Integral):
        params["random_state"] = None
    return {name: _plain(name, value) for name, value in params.items()}


def _plain(name: str, value: object) -> bool | int | float | str | list[str] | None:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple | np.ndarray) and all(
        isinstance(entry, str) for entry in value
    ):
        return [str(entry) for entry in value]
    raise TypeError(
        f"{name} must be a number, a string or some of them, a boolean or None to be "
        f"saved, got a value of type {type(value).__name__}. Set it to one of these "
        "first."
    )


def check_names(generator: BaseGenerator, facts: dict[str, Any]) -> None:
    """Refuse to write names and classes that `load` would refuse to read."""
    try:
        Form.from_facts(facts["form"])
        Conditions.from_facts(facts["conditions"])
    except ValueError as error:
        raise ValueError(
            f"{type(generator).__name__} cannot be saved: {error}. Fit with shorter "
            "names and classes, and whole numbers below 2**63 in magnitude."
        ) from error


def read_config(folder: Path) -> Config:
    """Read the configuration and check everything that no class is needed for."""
    file = member(folder, CONFIG)
    with file.open("rb") as stream:
        data = stream.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise invalid(file, f"it is longer than {MAX_TEXT} bytes")
    config = parsed(data, file, "it")
    _check_version(config, file)
    _check_config(config, file)
    return config


def _check_version(config: object, file: Path) -> None:
    version = config.get("format_version") if isinstance(config, dict) else None
    if type(version) is not int or version < 1:
        raise invalid(file, "it has no valid format_version")
    if version > FORMAT_VERSION:
        raise invalid(
            file,
            f"format_version {version} is newer than {FORMAT_VERSION}, the newest that "
            f"tsgen {tsgen.__version__} reads",
            "Upgrade tsgen.",
        )
    if version < FORMAT_VERSION:
        raise invalid(
            file,
            f"format_version {version} is older than {FORMAT_VERSION}, the oldest that "
            f"tsgen {tsgen.__version__} reads",
            "Fit the generator again and save it.",
        )


def _check_config(config: Config, file: Path) -> None:
    check_keys(config, CONFIG_KEYS, "the configuration", file)
    check_keys(config["versions"], _versions(), "versions", file)
    _check_facts(config["facts"], file)
    rules = {
        "class": isinstance(config["class"], str),
        "params": isinstance(config["params"], dict),
        "history": _is_history(config["history"]),
        "repeats_one_series": _is_repeats(**config),
        "sha256": isinstance(config["sha256"], str),
        "versions": all(isinstance(v, str) for v in config["versions"].values()),
    }
    _check_rules(rules, config, file)


def _check_facts(facts: dict[str, Any], file: Path) -> None:
    names = facts.get("feature_names") if isinstance(facts, dict) else None
    optional = [] if names is None else ["feature_names"]
    check_keys(facts, [*FACTS, *optional], "facts", file)
    rules = {
        "n_timesteps": _is_count(facts["n_timesteps"], 1),
        "n_channels": _is_count(facts["n_channels"], 1),
        "n_values": _are_sizes(facts["n_values"], facts["n_channels"]),
        "n_recurring": are_recurring(facts["n_recurring"], facts["n_channels"]),
        "n_iter": _is_count(facts["n_iter"], 1),
        "dtype": facts["dtype"] in ("float32", "float64"),
        "feature_names": names is None or _are_names(names, facts["n_timesteps"]),
    }
    _check_rules(rules, facts, file)
    both = zip(facts["n_values"], facts["n_recurring"], strict=False)
    _check_rules({"n_recurring": not any(n and m for n, m in both)}, facts, file)
    _check_rules({"form": _is_form(**facts)}, facts, file)
    _check_rules({"conditions": _are_conditions(**facts)}, facts, file)


def _is_count(value: object, minimum: int) -> bool:
    return type(value) is int and minimum <= value <= MAX_COUNT


def _are_sizes(value: object, n_channels: object) -> bool:
    """Tell whether there is a number of values for each channel, or for none."""
    if not are_recurring(value, n_channels):
        return False
    assert isinstance(value, list)
    return not value or any(value)


def _is_form(form: object, n_timesteps: int, n_channels: int, **_: object) -> bool:
    try:
        return Form.from_facts(form).fits(n_timesteps, n_channels)
    except (ValueError, RecursionError):
        return False


def _are_conditions(
    conditions: Any, form: object, n_timesteps: int, n_channels: int, **_: object
) -> bool:
    """Tell whether facts are those of conditions, of such series in such a form."""
    try:
        unequal = Conditions.from_facts(conditions).unequal
    except ValueError:
        return False
    shape = [conditions["n_series"], n_timesteps, n_channels]
    gaps_fit = conditions["gaps"] in (None, shape)
    return gaps_fit and unequal == Form.from_facts(form).unequal


def _is_repeats(repeats_one_series: object, facts: dict[str, Any], **_: object) -> bool:
    """Tell whether series may all be equal, which unequal or gappy ones are not."""
    conditions = facts["conditions"]
    differ = conditions["unequal"] or conditions["gaps"] is not None
    return repeats_one_series is False or (repeats_one_series is True and not differ)


def _are_names(value: object, length: object) -> bool:
    if not isinstance(value, list) or len(value) != length:
        return False
    return all(isinstance(name, str) for name in value)


def _is_history(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    return all(name.isidentifier() and _is_count(n, 0) for name, n in value.items())


def check_keys(found: object, expected: Iterable[str], what: str, file: Path) -> None:
    """Check that an object has these keys and no others."""
    if not isinstance(found, dict):
        raise invalid(file, f"{what} must be an object")
    for name in expected:
        if name not in found:
            raise invalid(file, f"{what} must have the key {name!r}")
    for name in found.keys() - set(expected):
        raise invalid(file, f"{what} has the unknown key {reprlib.repr(name)}")


def _check_rules(rules: dict[str, bool], found: dict[str, Any], file: Path) -> None:
    for name, holds in rules.items():
        if not holds:
            value = reprlib.repr(found[name])[:100]
            raise invalid(file, f"{name!r} has the impossible value {value}")


def constructed(cls: type[Generator], config: Config, file: Path) -> Generator:
    """Make an unfitted generator of the parameters, by way of its constructor."""
    if config["class"] != cls.__name__:
        raise invalid(
            file,
            f"it holds a {reprlib.repr(config['class'])}, not a {cls.__name__}",
            "Load it with the class that saved it.",
        )
    generator = cls()
    params = config["params"]
    check_keys(params, generator.get_params(), "params", file)
    generator.set_params(**params)
    try:
        generator._validate_params()
        generator._check_options(generator.n_levels)
        generator._architecture = generator._current_architecture()
    except (ValueError, TypeError) as error:
        raise invalid(file, str(error)[:200].rstrip(".")) from error
    generator.n_timesteps_ = config["facts"]["n_timesteps"]
    generator.n_channels_ = config["facts"]["n_channels"]
    generator.conditions_ = Conditions.from_facts(config["facts"]["conditions"])
    generator._n_values = tuple(config["facts"]["n_values"])
    generator._n_recurring = tuple(config["facts"]["n_recurring"])
    return generator
