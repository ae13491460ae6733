"""Save and load fitted generators: a folder of two files, without pickle.

``config.json`` says what the generator is; ``model.safetensors`` holds its numbers:
weights, scaling, history, and what the training series were given. Reading is made for
files of unknown origin: everything is checked against the configuration before memory
is taken, and nothing is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import reprlib
import secrets
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np
import safetensors.numpy
import sklearn
import torch
from safetensors import SafetensorError
from sklearn.utils.validation import check_is_fitted

import tsgen
from tsgen._conditions import Conditions, Layout
from tsgen._forms import Form
from tsgen._supports import MAX_VALUES, Supports
from tsgen.exceptions import InvalidModelFileError
from tsgen.generators.base import under
from tsgen.nn.devices import resolve_device
from tsgen.nn.diffusion import Diffusion

if TYPE_CHECKING:
    from tsgen.generators.base import BaseGenerator

__all__ = ["load", "save"]

Generator = TypeVar("Generator", bound="BaseGenerator")
Config = dict[str, Any]

FORMAT_VERSION = 2  # to raise when files that it wrote can no longer be read
CONFIG, WEIGHTS = "config.json", "model.safetensors"
MAX_TEXT = 2**20  # bytes of a configuration, or of a header
MAX_COUNT = 2**31
MAX_TRIED = 2**16  # entries of the series by which a form is tried
CURE = "Save the generator again, or get another copy of the folder."

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
    "form",
    "conditions",
    "dtype",
    "n_iter",
)
SCALER = ("unit_", "relative_mean_", "relative_scale_")
DTYPES = {"F32": "float32", "F64": "float64", "I64": "int64", "U8": "uint8"}


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
    _check_target(target)
    _write_folder(target, _contents(generator))


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
    _check_folder(folder)
    config = _read_config(folder)
    generator = _constructed(cls, config, folder / CONFIG)
    arrays = _read_arrays(generator, config, _member(folder, WEIGHTS))
    _check_scaling(config["facts"], arrays, folder / WEIGHTS)
    _check_conditions(config["facts"], arrays, folder / WEIGHTS)
    _check_form(config["facts"], folder / CONFIG)
    generator.set_params(device=device)
    generator._restore(config["facts"], arrays, device)
    return generator


# What is written


def _contents(generator: BaseGenerator) -> dict[str, bytes]:
    """Serialise a generator: the bytes of each file."""
    facts, exported = generator._export()
    arrays = {name: np.asarray(array, order="C") for name, array in exported.items()}
    weights = safetensors.numpy.save(arrays)
    config = _config(generator, facts, arrays, weights)
    _check_parameters_of_fit(generator, config, arrays)
    _check_names(generator, facts)
    text = json.dumps(config, indent=2, allow_nan=False).encode()
    if len(text) > MAX_TEXT:
        raise ValueError(
            f"The configuration must fit into {MAX_TEXT} bytes, got {len(text)}. "
            "Fit on an array, or on shorter column names and fewer categories."
        )
    return {CONFIG: text, WEIGHTS: weights}


def _config(
    generator: BaseGenerator,
    facts: dict[str, Any],
    arrays: dict[str, np.ndarray],
    weights: bytes,
) -> Config:
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


def _check_parameters_of_fit(
    generator: BaseGenerator, config: Config, arrays: dict[str, np.ndarray]
) -> None:
    """Refuse to write what `load` would refuse to read."""
    generator._validate_params()
    generator._check_options(generator.n_levels)
    layout = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    same = generator._architecture == generator._current_architecture()
    network = generator._blueprint()
    if not same or layout != _expected_layout(network, generator, config):
        raise ValueError(
            f"{type(generator).__name__} must be saved with the parameters of its fit, "
            "got others: they make another network. Fit again, or set them back."
        )


def _check_names(generator: BaseGenerator, facts: dict[str, Any]) -> None:
    """Refuse to write names and classes that `load` would refuse to read."""
    try:
        Form.from_facts(facts["form"])
        Conditions.from_facts(facts["conditions"])
    except ValueError as error:
        raise ValueError(
            f"{type(generator).__name__} cannot be saved: {error}. Fit with shorter "
            "names and classes, and whole numbers below 2**63 in magnitude."
        ) from error


# Writing


def _check_target(target: Path) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in an existing folder, got {target}, whose parent is not "
            "there. Create it first."
        )
    if target.exists() and not _is_replaceable(target):
        raise FileExistsError(
            "path must be new or hold a saved generator and nothing else, got "
            f"{target}.\nChoose another path, or remove what is there."
        )


def _is_replaceable(target: Path) -> bool:
    """Tell whether nothing but a saved generator would be lost."""
    if not target.is_dir():
        return False
    names = set(os.listdir(target))
    try:
        return not names or (names == {CONFIG, WEIGHTS} and _is_ours(target))
    except InvalidModelFileError:
        return False


def _is_ours(folder: Path) -> bool:
    return bool(_read_config(folder)) and _member(folder, WEIGHTS).is_file()


def _write_folder(target: Path, contents: dict[str, bytes]) -> None:
    """Write a folder next to `target`, then put it in its place."""
    staging = target.parent / f".tsgen-{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        _write_files(staging / "new", contents)
        _publish(staging, target)
    finally:
        _discard(staging, target)
    _sync(target.parent)


def _write_files(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, data in contents.items():
        with (folder / name).open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    _sync(folder)


def _publish(staging: Path, target: Path) -> None:
    """Swap the new folder in; the old one comes back if that fails."""
    if not target.exists():
        os.rename(staging / "new", target)
        return
    os.rename(target, staging / "old")
    try:
        os.rename(staging / "new", target)
    except BaseException:
        os.rename(staging / "old", target)
        raise


def _discard(staging: Path, target: Path) -> None:
    """Remove what is left of the swap, unless it is the only copy of a model."""
    if (staging / "old").exists() and not target.exists():
        return
    for folder in (staging / "new", staging / "old"):
        for name in (CONFIG, WEIGHTS):
            (folder / name).unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()
    staging.rmdir()


def _sync(folder: Path) -> None:
    """Make the entries of a folder survive a power cut, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Reading the configuration


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise FileNotFoundError(
            f"path must be a folder written by save, got {folder}, which is not there. "
            "Check the spelling."
        )
    if not folder.is_dir():
        raise _invalid(folder, "it is not a folder", "Give the folder that save wrote.")


def _member(folder: Path, name: str) -> Path:
    """Return the path of a file of the folder; links may not lead out of it."""
    file = folder / name
    real = Path(os.path.realpath(file))
    if real.parent != Path(os.path.realpath(folder)):
        raise _invalid(file, "it is a link that leads out of the folder")
    if not real.is_file():
        raise _invalid(file, "there is no such file")
    return file


def _read_config(folder: Path) -> Config:
    """Read the configuration and check everything that no class is needed for."""
    file = _member(folder, CONFIG)
    with file.open("rb") as stream:
        data = stream.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise _invalid(file, f"it is longer than {MAX_TEXT} bytes")
    config = _parsed(data, file, "it")
    _check_version(config, file)
    _check_config(config, file)
    return config


def _parsed(data: bytes, file: Path, what: str) -> Any:
    """Parse strict JSON: UTF-8, no repeated keys, every number finite."""
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_int=_bounded_int,
            parse_float=_finite_float,
            parse_constant=_finite_float,
        )
    except (ValueError, RecursionError) as error:
        raise _invalid(file, f"{what} is not valid JSON ({error})") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found


def _bounded_int(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise ValueError("an integer is too large")
    return value


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def _check_version(config: object, file: Path) -> None:
    version = config.get("format_version") if isinstance(config, dict) else None
    if type(version) is not int or version < 1:
        raise _invalid(file, "it has no valid format_version")
    if version > FORMAT_VERSION:
        raise _invalid(
            file,
            f"format_version {version} is newer than {FORMAT_VERSION}, the newest that "
            f"tsgen {tsgen.__version__} reads",
            "Upgrade tsgen.",
        )
    if version < FORMAT_VERSION:
        raise _invalid(
            file,
            f"format_version {version} is older than {FORMAT_VERSION}, the oldest that "
            f"tsgen {tsgen.__version__} reads",
            "Fit the generator again and save it.",
        )


def _check_config(config: Config, file: Path) -> None:
    _check_keys(config, CONFIG_KEYS, "the configuration", file)
    _check_keys(config["versions"], _versions(), "versions", file)
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
    _check_keys(facts, [*FACTS, *optional], "facts", file)
    rules = {
        "n_timesteps": _is_count(facts["n_timesteps"], 1),
        "n_channels": _is_count(facts["n_channels"], 1),
        "n_values": _are_sizes(facts["n_values"], facts["n_channels"]),
        "n_iter": _is_count(facts["n_iter"], 1),
        "dtype": facts["dtype"] in ("float32", "float64"),
        "feature_names": names is None or _are_names(names, facts["n_timesteps"]),
    }
    _check_rules(rules, facts, file)
    _check_rules({"form": _is_form(**facts)}, facts, file)
    _check_rules({"conditions": _are_conditions(**facts)}, facts, file)


def _is_count(value: object, minimum: int) -> bool:
    return type(value) is int and minimum <= value <= MAX_COUNT


def _are_sizes(value: object, n_channels: object) -> bool:
    """Tell whether there is a number of values for each channel, or for none."""
    if not isinstance(value, list) or len(value) not in (0, n_channels):
        return False
    counts = all(type(n) is int and 0 <= n <= MAX_VALUES for n in value)
    return counts and (not value or any(value))


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


def _check_keys(found: object, expected: Iterable[str], what: str, file: Path) -> None:
    if not isinstance(found, dict):
        raise _invalid(file, f"{what} must be an object")
    for name in expected:
        if name not in found:
            raise _invalid(file, f"{what} must have the key {name!r}")
    for name in found.keys() - set(expected):
        raise _invalid(file, f"{what} has the unknown key {reprlib.repr(name)}")


def _check_rules(rules: dict[str, bool], found: dict[str, Any], file: Path) -> None:
    for name, holds in rules.items():
        if not holds:
            value = reprlib.repr(found[name])[:100]
            raise _invalid(file, f"{name!r} has the impossible value {value}")


def _constructed(cls: type[Generator], config: Config, file: Path) -> Generator:
    """Make an unfitted generator of the parameters, by way of its constructor."""
    if config["class"] != cls.__name__:
        raise _invalid(
            file,
            f"it holds a {reprlib.repr(config['class'])}, not a {cls.__name__}",
            "Load it with the class that saved it.",
        )
    generator = cls()
    params = config["params"]
    _check_keys(params, generator.get_params(), "params", file)
    generator.set_params(**params)
    try:
        generator._validate_params()
        generator._check_options(generator.n_levels)
        generator._architecture = generator._current_architecture()
    except (ValueError, TypeError) as error:
        raise _invalid(file, str(error)[:200].rstrip(".")) from error
    generator.n_timesteps_ = config["facts"]["n_timesteps"]
    generator.n_channels_ = config["facts"]["n_channels"]
    generator.conditions_ = Conditions.from_facts(config["facts"]["conditions"])
    generator._n_values = tuple(config["facts"]["n_values"])
    return generator


# Reading the arrays


def _read_arrays(
    generator: BaseGenerator, config: Config, file: Path
) -> dict[str, np.ndarray]:
    """Read the tensors, once their header is what the configuration says."""
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start, found = _read_header(stream, file)
        _check_sizes(generator, len(found), size, file)
        _check_discrete(generator, config["facts"], file)
        expected = _layout_to_read(generator, config, file)
        _check_layout(found, expected, file)
        if size != start + _n_bytes(expected):
            raise _invalid(file, f"it is {size} bytes long, not as its header says")
        stream.seek(0)
        data = stream.read(size)
    if hashlib.sha256(data).hexdigest() != config["sha256"]:
        raise _invalid(file, f"its checksum is not the one in {CONFIG}")
    arrays = _deserialised(data, file)
    return {name: arrays[name] for name in expected}  # the order of the history


def _read_header(stream: BinaryIO, file: Path) -> tuple[int, Layout]:
    """Return where the numbers start, and what the header says of each tensor."""
    length = int.from_bytes(stream.read(8), "little")
    if length > MAX_TEXT:
        raise _invalid(file, f"its header is longer than {MAX_TEXT} bytes")
    header = _parsed(stream.read(length), file, "its header")
    if not isinstance(header, dict):
        raise _invalid(file, "its header must be an object")
    return 8 + length, {
        name: _described(name, entry, file) for name, entry in header.items()
    }


def _described(name: str, entry: Any, file: Path) -> tuple[str, tuple[int, ...]]:
    """Return the dtype and the shape that a header gives a tensor."""
    what = f"tensor {reprlib.repr(name)}"
    _check_keys(entry, ("dtype", "shape", "data_offsets"), what, file)
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise _invalid(file, f"{what} has the unknown dtype {reprlib.repr(dtype)}")
    if not isinstance(shape, list):
        raise _invalid(file, f"{what} has the impossible shape {reprlib.repr(shape)}")
    return DTYPES[dtype], tuple(shape)


def _check_sizes(
    generator: BaseGenerator, n_tensors: int, size: int, file: Path
) -> None:
    """Refuse sizes beyond those of the file, before a network is built of them.

    Each width is an axis of some tensor of at least four bytes an entry, and a layer
    has at least eight tensors.
    """
    for name, width in generator._widths().items():
        if 4 * width > size:
            raise _invalid(file, f"it is too short for {name} = {width}")
    if 8 * generator.n_layers > n_tensors:
        raise _invalid(file, f"it is too short for n_layers = {generator.n_layers}")


def _check_discrete(
    generator: BaseGenerator, facts: dict[str, Any], file: Path
) -> None:
    """Check that the discrete channels are those of the options and the form."""
    try:
        must, may = generator._discrete_channels(Form.from_facts(facts["form"]))
    except ValueError as error:
        raise _invalid(file, str(error)[:200].rstrip(".")) from error
    discrete = np.array(facts["n_values"] or np.zeros_like(must)) > 0
    if (must & ~discrete).any() or (discrete & ~(must | may)).any():
        raise _invalid(file, "its discrete channels are not those of its options")


def _layout_to_read(generator: BaseGenerator, config: Config, file: Path) -> Layout:
    try:
        network = generator._blueprint()
    except (RuntimeError, OverflowError) as error:
        raise _invalid(file, "no network can have the sizes it asks for") from error
    has_gaps = config["facts"]["conditions"]["gaps"] is not None
    if network.n_conditions != generator.conditions_.width:
        raise _invalid(file, "its network cannot read its conditions")
    if has_gaps and not network.sees_gaps:
        raise _invalid(file, "its network cannot be told of its gaps")
    return _expected_layout(network, generator, config)


def _expected_layout(
    network: Diffusion, generator: BaseGenerator, config: Config
) -> Layout:
    """Return what the tensors of a generator must be; no memory is taken for them."""
    facts = config["facts"]
    layout: Layout = {
        f"model.{name}": (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }
    for name, wanted in generator.conditions_.layout(facts["conditions"]).items():
        layout[f"conditions.{name}"] = wanted
    for name in SCALER:
        layout[f"scaler.{name}"] = ("float64", (generator.n_channels_,))
    if facts["n_values"]:
        for name in ("values", "shares"):
            layout[f"supports.{name}"] = ("float64", (sum(facts["n_values"]),))
    for name, length in config["history"].items():
        layout[f"history.{name}"] = ("float64", (length,))
    if config["repeats_one_series"]:
        shape = (facts["n_timesteps"], generator.n_channels_)
        layout["only_series"] = ("float64", shape)
    return layout


def _check_layout(found: Layout, expected: Layout, file: Path) -> None:
    for name, wanted in expected.items():
        if name not in found:
            raise _invalid(file, f"tensor {name!r} is missing")
        if found[name] != wanted:
            raise _invalid(
                file,
                f"tensor {name!r} must be {wanted[0]} of shape {wanted[1]}, got "
                f"{found[name][0]} of shape {reprlib.repr(found[name][1])}",
            )
    for name in found.keys() - expected.keys():
        raise _invalid(file, f"tensor {reprlib.repr(name)} does not belong there")


def _n_bytes(layout: Mapping[str, tuple[str, tuple[int, ...]]]) -> int:
    return sum(
        np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in layout.values()
    )


def _deserialised(data: bytes, file: Path) -> dict[str, np.ndarray]:
    try:
        arrays = safetensors.numpy.load(data)
    except SafetensorError as error:
        raise _invalid(file, f"it is not valid ({str(error)[:100]})") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise _invalid(file, f"tensor {name!r} holds numbers that are not finite")
    return arrays


def _check_scaling(
    facts: dict[str, Any], arrays: dict[str, np.ndarray], file: Path
) -> None:
    """Check the units and scales of channels, and the values of discrete ones."""
    unit, scale = arrays["scaler.unit_"], arrays["scaler.relative_scale_"]
    if (unit <= 0).any() or (scale < 0).any():
        raise _invalid(file, "its units must be positive, its scales not negative")
    try:
        supports = Supports.restored(facts["n_values"], under("supports.", arrays))
    except ValueError as error:
        raise _invalid(file, str(error)) from error
    categories = Form.from_facts(facts["form"]).categories
    for channel, kind in enumerate(categories):
        if kind and not kind.has_codes(supports.discrete[channel].values):
            raise _invalid(file, f"channel {channel} has not the values of its labels")


def _check_conditions(
    facts: dict[str, Any], arrays: dict[str, np.ndarray], file: Path
) -> None:
    """Check the numbers of the conditions; they are in the file by now."""
    try:
        conditions = Conditions.restored(
            facts["conditions"], under("conditions.", arrays)
        )
    except ValueError as error:
        raise _invalid(file, str(error)) from error
    if conditions.lengths.max() != facts["n_timesteps"]:
        raise _invalid(file, "its longest series has not n_timesteps steps")


def _check_form(facts: dict[str, Any], file: Path) -> None:
    """Try to make a series of the form, as only pandas knows its units and zones."""
    n_steps = max(1, min(facts["n_timesteps"], MAX_TRIED // facts["n_channels"]))
    series = np.zeros((1, n_steps, facts["n_channels"]))
    try:
        Form.from_facts(facts["form"]).restore(series)
    except ImportError:
        return  # then nothing can be made of it here
    except Exception as error:  # pandas raises many kinds
        raise _invalid(file, f"no series can be made of its form ({error})") from error


def _invalid(file: Path, problem: str, cure: str = CURE) -> InvalidModelFileError:
    return InvalidModelFileError(f"{file} cannot be loaded: {problem}.\n{cure}")
