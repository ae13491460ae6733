"""Devices: where the tensors live."""

from __future__ import annotations

import torch


def resolve_device(device: str) -> torch.device:
    """Turn the `device` option into a device that is there.

    Parameters
    ----------
    device : str
        "auto" takes CUDA when there is one and the CPU otherwise; else a name torch
        knows, such as "cpu" or "cuda:1".

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If the name is unknown or the device is not there.
    """
    seen = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if device == "auto":
        return torch.device("cuda" if len(seen) > 1 else "cpu")
    name = "cuda:0" if device == "cuda" else device
    if name not in seen:
        raise ValueError(
            f"device must be 'auto' or a device that is there, got {device!r}; "
            f"seen: {', '.join(seen)}. Use device='auto'."
        )
    return torch.device(name)
