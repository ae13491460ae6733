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
    seen = seen_devices()
    if device not in seen:
        raise ValueError(
            f"device must be one that is there, got {device!r}; seen: "
            f"{', '.join(seen)}. Use device='auto'."
        )
    if device == "auto":
        return torch.device("cuda" if "cuda" in seen else "cpu")
    return torch.device(device)


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether networks can be trained in bfloat16 on a device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def seen_devices() -> list[str]:
    """Name every device that may be asked for on this machine."""
    n_cuda = torch.cuda.device_count()
    cuda = ["cuda", *(f"cuda:{i}" for i in range(n_cuda))] if n_cuda else []
    return ["auto", "cpu", *cuda]
