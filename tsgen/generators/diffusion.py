"""Diffusion of the series themselves: a baseline without a latent."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions
from torch import Tensor

from tsgen._random import RandomState
from tsgen.generators.base import BaseGenerator, Given
from tsgen.nn.bounds import series_diffusion_bound
from tsgen.nn.objectives import LossTerm, diffusion_terms
from tsgen.nn.series_diffusion import SeriesDiffusion, build_series_diffusion
from tsgen.nn.training import Batch


class DiffusionGenerator(BaseGenerator):
    """Generate time series by a diffusion of the series themselves.

    There is no encoder, no decoder and no latent: noise of the shape of a series is
    denoised step by step. It is what latent diffusion should be compared with, and has
    none of what needs a latent, such as `transform` and `dependency`.

    Parameters
    ----------
    denoiser : {"mlp", "transformer"}, default="mlp"
        Network on the noisy series: residual perceptron on all entries at once, or
        self-attention over the steps, for longer series.
    hidden_size : int, default=256
        Width of the hidden features, even; for the transformer a multiple of
        ``2 * n_heads``.
    n_layers : int, default=3
        Depth of the network.
    n_heads : int, default=4
        Attention heads of the transformer.
    n_levels : int, default=1000
        Number L of diffusion levels.
    noise_schedule : {"cosine", "linear"}, default="cosine"
        How fast the signal fades with the level (Nichol and Dhariwal 2021, Ho et al.
        2020).
    prediction : {"v", "epsilon"}, default="v"
        What the denoiser predicts: velocity (Salimans and Ho 2022), or the noise.
    sampler : {"dpm", "ddim", "ancestral"}, default="dpm"
        Steps of the reverse chain: deterministic, of second order (Lu et al. 2022) or
        of first (Song et al. 2021); or random.
    n_sampling_steps : int, default=25
        Steps of the reverse chain. "ddim" and "ancestral" want more than "dpm", and
        visit every level with `n_levels` of them.
    max_iter : int or "auto", default=200
        Epochs; "auto" takes as many as make one minibatch for each series, but at least
        1,000 minibatches and at most 1,600, and at most 200 epochs.
    batch_size : int or "auto", default="auto"
        Series in a minibatch, at least 2; "auto" is a 32nd of the series, but at least
        16 and at most 64.
    learning_rate : float, default=1e-3
        Step size of Adam; it falls to zero, along half a cosine, but not with
        `warm_start`.
    max_grad_norm : float, default=1.0
        Norm to which gradients are clipped.
    ema_decay : float in [0, 1), default=0.999
        Memory of the moving average of the weights, which is what samples.
    early_stopping : bool, default=False
        Stop when the loss on held-out series no longer falls, and keep the best epoch.
    validation_fraction : float in (0, 1), default=0.1
        Share of the series held out, at random, if `early_stopping`.
    n_iter_no_change : int, default=10
        Epochs without improvement after which to stop, if `early_stopping`.
    tol : float, default=1e-4
        Smallest improvement of the loss that counts, if `early_stopping`.
    warm_start : bool, default=False
        Let `fit` go on from the end of the last call: 50 and 50 epochs equal 100.
        After Ctrl-C it starts anew.
    device : str, default="auto"
        Where to compute; "auto" takes CUDA when there is one.
    mixed_precision : bool, default=False
        Train in bfloat16 where that is safe and the device can; pays off on recent CUDA
        devices.
    verbose : int, default=0
        1 shows progress bars (needs the extra ``progress``); 0 prints nothing.
    random_state : int, RandomState, Generator or None, default=None
        Source of all randomness; no global generator is read or seeded.

    Attributes
    ----------
    model_ : tsgen.nn.series_diffusion.SeriesDiffusion
        The fitted network, in evaluation mode.
    scaler_ : SeriesScaler
        Standardises the channels of training series.
    history_ : dict of str to list of float
        Per epoch: ``"denoising"``, the mean squared error of the prediction, the same
        as ``"loss"``, and ``"validation_loss"`` if held out.
    n_iter_ : int
        Epochs.
    n_timesteps_, n_channels_ : int
        Shape of a training series.
    n_features_in_ : int
        The same as `n_timesteps_`, by scikit-learn's convention.
    device_ : str
        Where the network is.

    See Also
    --------
    LatentDiffusionGenerator : Diffusion of a latent, with an autoregressive decoder.

    References
    ----------
    Ho et al., "Denoising Diffusion Probabilistic Models", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen import DiffusionGenerator
    >>> phase = np.random.default_rng(0).uniform(0, 6.28, size=(64, 1, 1))
    >>> X = np.sin(phase + np.arange(12)[:, None] / 2)  # (64, 12, 1)
    >>> generator = DiffusionGenerator(hidden_size=16, max_iter=2, random_state=0)
    >>> generator.fit(X).sample(5).shape
    (5, 12, 1)
    """

    model_: SeriesDiffusion

    _parameter_constraints: dict = {
        **BaseGenerator._parameter_constraints,
        "denoiser": [StrOptions({"mlp", "transformer"})],
    }

    def __init__(
        self,
        *,
        # architecture
        denoiser: str = "mlp",
        hidden_size: int = 256,
        n_layers: int = 3,
        n_heads: int = 4,
        # diffusion, optimisation, runtime
        n_levels: int = 1000,
        noise_schedule: str = "cosine",
        prediction: str = "v",
        sampler: str = "dpm",
        n_sampling_steps: int = 25,
        max_iter: int | str = 200,
        batch_size: int | str = "auto",
        learning_rate: float = 1e-3,
        max_grad_norm: float = 1.0,
        ema_decay: float = 0.999,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        device: str = "auto",
        mixed_precision: bool = False,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.denoiser = denoiser
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.n_levels = n_levels
        self.noise_schedule = noise_schedule
        self.prediction = prediction
        self.sampler = sampler
        self.n_sampling_steps = n_sampling_steps
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_grad_norm = max_grad_norm
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.mixed_precision = mixed_precision
        self.verbose = verbose
        self.random_state = random_state

    def _loss_terms(
        self,
        model: SeriesDiffusion,
        batch: Batch,
        generator: torch.Generator,
        progress: float,
    ) -> dict[str, LossTerm]:
        return diffusion_terms(model, batch[0], generator)

    def _bound(
        self, model: SeriesDiffusion, varies: Tensor, x: Tensor, given: Tensor
    ) -> Tensor:
        return series_diffusion_bound(model, x, varies)

    def _check_options(self, n_levels: int) -> None:
        super()._check_options(n_levels)
        if self.hidden_size % 2:
            raise ValueError(
                f"hidden_size must be even, got {self.hidden_size}. Half of it embeds "
                "the level by sines, half by cosines. Change it by one."
            )

    def _current_architecture(self) -> dict[str, Any]:
        return {
            "denoiser": self.denoiser,
            "hidden_size": int(self.hidden_size),
            "n_layers": int(self.n_layers),
            "n_heads": int(self.n_heads),
            "n_levels": int(self.n_levels),
            "prediction": self.prediction,
        }

    def _blueprint(self) -> SeriesDiffusion:
        with torch.device("meta"):
            return build_series_diffusion(
                n_timesteps=self.n_timesteps_,
                n_channels=self.n_channels_,
                **self._architecture,
            )

    def _widths(self) -> dict[str, int]:
        widths = {
            "hidden_size": self.hidden_size,
            "n_levels": self.n_levels,
            "n_channels": self.n_channels_,
        }
        if self.denoiser == "mlp":
            widths["n_timesteps * n_channels"] = self.n_timesteps_ * self.n_channels_
        return widths

    def _has_attention(self) -> bool:
        return self.denoiser == "transformer"

    def _n_normals(self) -> int:
        return self._n_chain_normals(self.model_.width)

    @torch.no_grad()
    def _draw(self, normals: np.ndarray, given: Given) -> np.ndarray:
        noise = torch.from_numpy(normals).to(self.device_)
        stop = torch.zeros(len(noise), dtype=torch.long, device=noise.device)
        x = self._run_chain(noise, self.model_.width, stop)
        return x.unflatten(1, self.model_.shape).cpu().numpy()
