"""The fitted state of a generator, which outlives its process.

Plain facts and named arrays: what `save` writes, `load` reads, and a pickle holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from tsgen._conditions import Conditions
from tsgen._forms import Form
from tsgen._scaling import SeriesScaler
from tsgen.nn.devices import resolve_device, seen_devices
from tsgen.nn.diffusion import Diffusion
from tsgen.nn.training import Weights


class SavedState(BaseEstimator):
    """What a fitted generator exports and is restored from, by a file or a pickle."""

    device: str
    device_: str
    model_: Diffusion
    scaler_: SeriesScaler
    conditions_: Conditions
    history_: dict[str, list[float]]
    n_iter_: int
    n_timesteps_: int
    n_channels_: int
    _form: Form
    _dtype: str
    _only_series: np.ndarray | None
    _n_values: tuple[int, ...] = ()  # of each channel, see `Supports.sizes`
    _n_recurring: tuple[int, ...] = ()  # of each channel, see `Recurrence.sizes`

    def _loaded(self, weights: Weights) -> Any:
        """Build the network of the fit with these weights."""
        raise NotImplementedError("a child class builds its network")

    def _export(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the fitted state as plain facts and named arrays."""
        facts = {
            "n_timesteps": self.n_timesteps_,
            "n_channels": self.n_channels_,
            "form": self._form.facts(),
            "conditions": self.conditions_.facts(),
            "dtype": self._dtype,
            "n_iter": self.n_iter_,
            "n_values": list(self._n_values),
            "n_recurring": list(self._n_recurring),
        }
        if hasattr(self, "feature_names_in_"):
            facts["feature_names"] = [str(name) for name in self.feature_names_in_]
        arrays = {
            f"model.{name}": tensor.cpu().numpy()
            for name, tensor in self.model_.state_dict().items()
        }
        for part, learned in (
            ("scaler", self.scaler_),
            ("conditions", self.conditions_),
        ):
            for name, array in learned.arrays().items():
                arrays[f"{part}.{name}"] = array
        for name, column in self.history_.items():
            arrays[f"history.{name}"] = np.asarray(column, dtype=np.float64)
        if self._only_series is not None:
            arrays["only_series"] = self._only_series
        return facts, arrays

    @torch.inference_mode(False)
    def _restore(
        self, facts: dict[str, Any], arrays: dict[str, np.ndarray], device: str
    ) -> None:
        """Become fitted again from what `_export` returned."""
        self.n_timesteps_ = self.n_features_in_ = facts["n_timesteps"]
        self.n_channels_ = facts["n_channels"]
        self._form = Form.from_facts(facts["form"])
        self.conditions_ = Conditions.restored(
            facts["conditions"], under("conditions.", arrays)
        )
        if self.conditions_.classes is not None:
            self.classes_ = self.conditions_.classes
        self._dtype = facts["dtype"]
        self.n_iter_ = facts["n_iter"]
        if "feature_names" in facts:
            self.feature_names_in_ = np.array(facts["feature_names"], dtype=object)
        self._n_values = tuple(facts["n_values"])
        self._n_recurring = tuple(facts["n_recurring"])
        self.scaler_ = SeriesScaler.restored(
            self._n_values, self._n_recurring, under("scaler.", arrays)
        )
        self.history_ = {
            name: array.tolist() for name, array in under("history.", arrays).items()
        }
        self._only_series = arrays.get("only_series")
        self.device_ = str(resolve_device(device))
        weights = under("model.", arrays)
        self.model_ = self._loaded({k: torch.tensor(v) for k, v in weights.items()})

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the parameters and plain arrays, on the CPU whatever the device."""
        state = super().__getstate__()
        if "model_" not in state:
            return state
        facts, arrays = self._export()
        exported = ("model_", "scaler_", "history_", "conditions_", "_form")
        state = {name: kept for name, kept in state.items() if name not in exported}
        return {**state, "_facts": facts, "_arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickle; a device that is not there any more gives way to "auto"."""
        state = dict(state)
        facts, arrays = state.pop("_facts", None), state.pop("_arrays", None)
        super().__setstate__(state)
        if facts is not None:
            there = self.device in seen_devices()
            self._restore(facts, arrays, self.device if there else "auto")


def under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose name starts with a prefix, without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
