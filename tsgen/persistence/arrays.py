"""The arrays: their layout follows from the configuration, and is checked first."""

from __future__ import annotations

import hashlib
import math
import os
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from tsgen._conditions import Conditions
from tsgen._forms import Form
from tsgen._reading.arrays import Layout
from tsgen._scaling import SeriesScaler
from tsgen.generators.saved import under
from tsgen.nn.diffusion import Diffusion
from tsgen.persistence.config import Config, check_keys
from tsgen.persistence.files import CONFIG, MAX_TEXT, invalid, parsed

if TYPE_CHECKING:
    from tsgen.generators.base import BaseGenerator

MAX_TRIED = 2**16  # entries of the series by which a form is tried
DTYPES = {"F32": "float32", "F64": "float64", "I64": "int64", "U8": "uint8"}


def read_arrays(
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
            raise invalid(file, f"it is {size} bytes long, not as its header says")
        stream.seek(0)
        data = stream.read(size)
    if hashlib.sha256(data).hexdigest() != config["sha256"]:
        raise invalid(file, f"its checksum is not the one in {CONFIG}")
    arrays = _deserialised(data, file)
    return {name: arrays[name] for name in expected}  # the order of the history


def _read_header(stream: BinaryIO, file: Path) -> tuple[int, Layout]:
    """Return where the numbers start, and what the header says of each tensor."""
    length = int.from_bytes(stream.read(8), "little")
    if length > MAX_TEXT:
        raise invalid(file, f"its header is longer than {MAX_TEXT} bytes")
    header = parsed(stream.read(length), file, "its header")
    if not isinstance(header, dict):
        raise invalid(file, "its header must be an object")
    return 8 + length, {
        name: _described(name, entry, file) for name, entry in header.items()
    }


def _described(name: str, entry: Any, file: Path) -> tuple[str, tuple[int, ...]]:
    """Return the dtype and the shape that a header gives a tensor."""
    what = f"tensor {reprlib.repr(name)}"
    check_keys(entry, ("dtype", "shape", "data_offsets"), what, file)
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise invalid(file, f"{what} has the unknown dtype {reprlib.repr(dtype)}")
    if not isinstance(shape, list):
        raise invalid(file, f"{what} has the impossible shape {reprlib.repr(shape)}")
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
            raise invalid(file, f"it is too short for {name} = {width}")
    if 8 * generator.n_layers > n_tensors:
        raise invalid(file, f"it is too short for n_layers = {generator.n_layers}")


def _check_discrete(
    generator: BaseGenerator, facts: dict[str, Any], file: Path
) -> None:
    """Check that the discrete channels are those of the options and the form."""
    try:
        must, may = generator._discrete_channels(Form.from_facts(facts["form"]))
    except ValueError as error:
        raise invalid(file, str(error)[:200].rstrip(".")) from error
    discrete = np.array(facts["n_values"] or np.zeros_like(must)) > 0
    if (must & ~discrete).any() or (discrete & ~(must | may)).any():
        raise invalid(file, "its discrete channels are not those of its options")
    if bool(facts["n_recurring"]) != generator._sees_recurrence():
        raise invalid(file, "its likelihood has another idea of recurring values")


def _layout_to_read(generator: BaseGenerator, config: Config, file: Path) -> Layout:
    try:
        network = generator._blueprint()
    except (RuntimeError, OverflowError) as error:
        raise invalid(file, "no network can have the sizes it asks for") from error
    has_gaps = config["facts"]["conditions"]["gaps"] is not None
    if network.n_conditions != generator.conditions_.width:
        raise invalid(file, "its network cannot read its conditions")
    if has_gaps and not network.sees_gaps:
        raise invalid(file, "its network cannot be told of its gaps")
    return expected_layout(network, generator, config)


def expected_layout(
    network: Diffusion, generator: BaseGenerator, config: Config
) -> Layout:
    """Return what the tensors of a generator must be; no memory is taken for them."""
    facts = config["facts"]
    layout: Layout = {
        f"model.{name}": (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }
    scaler = SeriesScaler.layout(
        facts["n_values"], facts["n_recurring"], generator.n_channels_
    )
    conditions = generator.conditions_.layout(facts["conditions"])
    for part, learned in (("scaler", scaler), ("conditions", conditions)):
        layout |= {f"{part}.{name}": wanted for name, wanted in learned.items()}
    for name, length in config["history"].items():
        layout[f"history.{name}"] = ("float64", (length,))
    if config["repeats_one_series"]:
        shape = (facts["n_timesteps"], generator.n_channels_)
        layout["only_series"] = ("float64", shape)
    return layout


def _check_layout(found: Layout, expected: Layout, file: Path) -> None:
    for name, wanted in expected.items():
        if name not in found:
            raise invalid(file, f"tensor {name!r} is missing")
        if found[name] != wanted:
            raise invalid(
                file,
                f"tensor {name!r} must be {wanted[0]} of shape {wanted[1]}, got "
                f"{found[name][0]} of shape {reprlib.repr(found[name][1])}",
            )
    for name in found.keys() - expected.keys():
        raise invalid(file, f"tensor {reprlib.repr(name)} does not belong there")


def _n_bytes(layout: Mapping[str, tuple[str, tuple[int, ...]]]) -> int:
    return sum(
        np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in layout.values()
    )


def _deserialised(data: bytes, file: Path) -> dict[str, np.ndarray]:
    try:
        arrays = safetensors.numpy.load(data)
    except SafetensorError as error:
        raise invalid(file, f"it is not valid ({str(error)[:100]})") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise invalid(file, f"tensor {name!r} holds numbers that are not finite")
    return arrays


def check_scaling(
    facts: dict[str, Any], arrays: dict[str, np.ndarray], file: Path
) -> None:
    """Check the units and scales of channels, and the values of discrete ones."""
    try:
        scaler = SeriesScaler.restored(
            facts["n_values"], facts["n_recurring"], under("scaler.", arrays)
        )
    except ValueError as error:
        raise invalid(file, str(error)) from error
    discrete = scaler.supports.discrete
    categories = Form.from_facts(facts["form"]).categories
    for channel, kind in enumerate(categories):
        if kind and not kind.has_codes(discrete[channel].values):
            raise invalid(file, f"channel {channel} has not the values of its labels")


def check_levels(arrays: dict[str, np.ndarray], file: Path) -> None:
    """Check that the noisiest level that the decoder reads is one of the schedule."""
    last = int(arrays.get("model.last_level", 0))
    if not 0 <= last < len(arrays["model.alpha_bar"]):
        raise invalid(file, f"its last level of inference is {last}")


def check_conditions(
    facts: dict[str, Any], arrays: dict[str, np.ndarray], file: Path
) -> None:
    """Check the numbers of the conditions; they are in the file by now."""
    try:
        conditions = Conditions.restored(
            facts["conditions"], under("conditions.", arrays)
        )
    except ValueError as error:
        raise invalid(file, str(error)) from error
    if conditions.lengths.max() != facts["n_timesteps"]:
        raise invalid(file, "its longest series has not n_timesteps steps")


def check_form(facts: dict[str, Any], file: Path) -> None:
    """Try to make a series of the form, as only pandas knows its units and zones."""
    n_steps = max(1, min(facts["n_timesteps"], MAX_TRIED // facts["n_channels"]))
    series = np.zeros((1, n_steps, facts["n_channels"]))
    try:
        Form.from_facts(facts["form"]).restore(series)
    except ImportError:
        return  # then nothing can be made of it here
    except Exception as error:  # pandas raises many kinds
        raise invalid(file, f"no series can be made of its form ({error})") from error
