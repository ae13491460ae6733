"""Files of the UCR and UEA archives, in the `.ts` format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from tsgen.datasets._fetching import PathLike
from tsgen.datasets._files import DAMAGE, open_text

__all__ = ["read_ts"]


def read_ts(path: PathLike) -> Bunch:
    """Read series and labels from a `.ts` file of the UCR or UEA archive.

    Parameters
    ----------
    path : str or path-like
        The file, plain or gzipped. The archive is at
        https://timeseriesclassification.com.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_series, n_timesteps, n_channels), float64; if the
        series differ in length, a list of ndarray of shape (length, n_channels).
        `target` : ndarray of shape (n_series,), str, the class of each series, or
        float64 if the header has `@targetLabel true`; there only if the header says
        that the series have one.
        `channel_names` : list of str: `channel_0`, `channel_1`, as the format names
        none.
        `DESCR` : str, the comments of the file: what the data are. They seldom give
        the licence.

    Raises
    ------
    FileNotFoundError
        If there is no file at `path`.
    ValueError
        If the file is not of the format; the message gives the line.

    Notes
    -----
    A value that is missing, `?` in the file, becomes NaN. Lines that start with `#`
    are comments, and blank lines are skipped; keywords of the header may be in upper
    or lower case. Of the header only the target matters: number, length and channels
    are those of the series. Series with time stamps are not supported.

    Examples
    --------
    >>> from tsgen.datasets import read_ts
    >>> gunpoint = read_ts("GunPoint_TRAIN.ts")  # doctest: +SKIP
    >>> gunpoint.data.shape, set(gunpoint.target)  # doctest: +SKIP
    ((50, 150, 1), {'1', '2'})
    """
    found = Path(path).expanduser()
    if not found.is_file():
        raise FileNotFoundError(
            f"path must name a .ts file, got {str(path)!r}, where there is no file. "
            "Download and unpack one from https://timeseriesclassification.com."
        )
    try:
        with open_text(found) as file:
            return _parse(file)
    except (ValueError, *DAMAGE) as error:
        raise ValueError(
            f"path must name a .ts file, got {str(path)!r}: {error}"
        ) from error


def _parse(lines: Iterator[str]) -> Bunch:
    numbered = ((number, line.strip()) for number, line in enumerate(lines, 1))
    kept = ((number, line) for number, line in numbered if line)
    header, comments = _parse_header(kept)
    labelled = _labelled(header)
    series, labels = [], []
    for number, line in kept:
        if not line.startswith("#"):
            *channels, label = line.split(":") if labelled else [*line.split(":"), ""]
            series.append(_parse_series(channels, number))
            labels.append(_label(label.strip(), header, number))
            _check_channels(series, number)
    if not series:
        raise ValueError("there is no series after @data.")
    target = {"target": np.array(labels)} if labelled else {}
    names = [f"channel_{i}" for i in range(series[0].shape[1])]
    return Bunch(data=_stack(series), **target, channel_names=names, DESCR=comments)


def _parse_header(lines: Iterator[tuple[int, str]]) -> tuple[dict[str, str], str]:
    """Read keywords and comments up to @data."""
    header: dict[str, str] = {}
    comments = []
    for number, line in lines:
        keyword, _, value = line.partition(" ")
        if line.startswith("#"):
            comments.append(line.lstrip("#").strip())
        elif keyword.lower() == "@data":
            return header, "\n".join(comments)
        elif keyword.startswith("@"):
            header[keyword.lower()] = value.strip().lower()
        else:
            raise ValueError(f"line {number} stands before @data and is no header.")
    raise ValueError("there is no line @data.")


def _labelled(header: dict[str, str]) -> bool:
    """Tell whether series end with a label; refuse time stamps."""
    if header.get("@timestamps", "false") != "false":
        raise ValueError("it has time stamps, which are not supported.")
    names = ("@classlabel", "@targetlabel")
    return any(header.get(name, "").startswith("true") for name in names)


def _parse_series(channels: list[str], number: int) -> np.ndarray:
    """Values of one line, NaN where missing: (length, n_channels)."""
    try:
        values = [[_number(cell) for cell in text.split(",")] for text in channels]
    except ValueError as error:
        raise ValueError(f"line {number}: {error}.") from error
    lengths = {len(channel) for channel in values}
    if len(lengths) != 1:
        raise ValueError(
            f"line {number} has channels of different lengths, {sorted(lengths)}, or "
            "no value."
        )
    return np.array(values).T


def _number(cell: str) -> float:
    return np.nan if cell.strip() == "?" else float(cell)


def _check_channels(series: list[np.ndarray], number: int) -> None:
    first, last = series[0].shape[1], series[-1].shape[1]
    if first != last:
        raise ValueError(
            f"line {number} has {last} channels, and the first series has {first}."
        )


def _label(text: str, header: dict[str, str], number: int) -> str | float:
    """Read what a line ends with: a class, or a number to predict."""
    if not header.get("@targetlabel", "").startswith("true"):
        return text
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}.") from error


def _stack(series: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    return np.stack(series) if len({len(one) for one in series}) == 1 else series
