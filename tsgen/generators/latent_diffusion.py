"""Latent diffusion, the baseline: a VAE whose prior is a diffusion (section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from tsgen._random import RandomState
from tsgen.generators.latent import BaseLatentGenerator
from tsgen.nn.bounds import latent_diffusion_bound
from tsgen.nn.models import LatentDiffusion
from tsgen.nn.objectives import LossTerm, annealing_weight, elbo_terms
from tsgen.nn.training import Batch


class LatentDiffusionGenerator(BaseLatentGenerator):
    """Generate time series by latent diffusion.

    A variational autoencoder with an autoregressive decoder, and a diffusion model of
    its latents. The decoder may stop listening to the latent (posterior collapse);
    the remedies of earlier work are options: `kl_weight`, `kl_annealing`,
    `mutual_information`, `variable_masking`, `skip_connections` and
    `inverse_lipschitz`.

    Parameters
    ----------
    backbone : {"lstm", "transformer"}, default="lstm"
        Architecture of encoder and decoder.
    latent_size : int, default=16
        Width of the latent.
    hidden_size : int, default=128
        Width of the hidden features; for the transformer a multiple of
        ``2 * n_heads``.
    n_layers : int, default=1
        Depth of encoder and decoder.
    n_heads : int, default=4
        Attention heads of the transformer.
    dropout : float in [0, 1), default=0.0
        Share of hidden features dropped after each layer in training.
    skip_connections : bool, default=False
        Feed the latent to the decoder at every step, not only before the first.
    inverse_lipschitz : float, default=0.0
        Smallest ratio L of a change of what the decoder reads of the latent to the
        change of the latent itself (Kinoshita et al. 2023); 0 sets none. It holds where
        the latent enters: the first states of the LSTM, the latent's token of the
        transformer, and skip connections. Needs `latent_size` of at most `hidden_size`.
    likelihood : {"mixture", "gaussian"} or sequence of {"mixture", "discrete"}, \
            default="mixture"
        Distribution of an observation given the features of the decoder: mixtures of
        normals beside the value before, values that recur and the next one on a
        straight line, each channel given the step before, for how long it has been held
        or gone on straight, and the channels before it, rounded where all values of a
        channel are evenly spaced, as whole numbers are, and truncated where a channel
        ends abruptly, as shares do; or, as in the paper, one normal with independent
        channels. In a sequence, one for each channel, "discrete" stands for a
        probability of each of the at most 256 values in training. With "mixture" for
        all, columns of data frames are discrete that hold text or pandas categories, or
        booleans or integers of at most 64 values.
    n_components : int or "auto", default="auto"
        Normals in each mixture; "auto" shares out 84 among the channels, 3 at least and
        20 at most to each.
    min_scale : float, default=0.005
        Smallest standard deviation of a normal, in units of a channel's own; of
        normals near the last value a tenth of a typical change, if that is less.
    denoiser : {"mlp", "unet"}, default="mlp"
        Network of the prior: residual perceptron, or the paper's convolutional U-Net.
    kl_weight : float, default=1.0
        Weight of the KL term; 1 gives the evidence bound.
    kl_annealing : {None, "monotonic", "cyclical"}, default=None
        How the KL term is brought in: at once, rising over the first half of training
        (Bowman et al. 2016), or rising anew in each of four cycles (Fu et al. 2019).
    mutual_information : float, default=0.0
        Weight of a lower bound on the information between series and latent, added to
        the evidence bound; it is at most the log of the number of series in a
        minibatch (Poole et al. 2019). 1 takes back what the KL term charges for it.
    variable_masking : float in [0, 1], default=0.0
        Probability of hiding an observation from the decoder in training
        (Bowman et al. 2016, Semeniuta et al. 2017).
    missing : {"error", "mask"}, default="error"
        What to do about missing entries, NaN, of the training series: refuse them, or
        learn from those observed; the encoder is then told which are missing.
    guidance : float, default=0.0
        Weight of classifier-free guidance, at least 0, for series of given classes or
        static variables: larger ones are more typical of them and less diverse.
    n_levels : int, default=1000
        Number L of diffusion levels.
    noise_schedule : {"cosine", "linear"}, default="cosine"
        How fast the signal fades with the level; the paper's is "linear".
    prediction : {"v", "epsilon"}, default="v"
        What the denoiser predicts: velocity, or the noise as in the paper.
    sampler : {"dpm", "ddim", "ancestral"}, default="dpm"
        Steps of the reverse chain: deterministic, of second order (Lu et al. 2022) or
        of first (Song et al. 2021); or random as in the paper.
    n_sampling_steps : int, default=25
        Steps of the reverse chain. 25 are enough for "dpm"; "ddim" and "ancestral" want
        200 or more, and visit every level with `n_levels` of them.
    max_iter : int or "auto", default="auto"
        Epochs of the first stage, which trains everything; "auto" takes as many as make
        one minibatch for each series, but at least 1,000 minibatches and at most 1,600,
        and at most 200 epochs.
    prior_max_iter : int or "auto", default="auto"
        Epochs of the second stage, which trains the denoiser on cached latents; "auto"
        takes as many as make 4,000 minibatches, at most 500; 0 none.
    batch_size : int or "auto", default="auto"
        Series in a minibatch, at least 2; "auto" is a 32nd of the series, but at least
        16 and at most 64, and 64 in the second stage.
    learning_rate : float, default=3e-3
        Step size of Adam in the first stage; it falls to zero, along half a cosine, but
        not with `warm_start`.
    prior_learning_rate : float, default=3e-3
        Step size in the second stage; it falls to zero likewise.
    max_grad_norm : float, default=1.0
        Norm to which gradients are clipped.
    ema_decay : float in [0, 1), default=0.999
        Memory of the moving average of the weights, which is what samples.
    early_stopping : bool, default=False
        Stop the first stage when the loss on held-out series no longer falls, and keep
        its best epoch.
    validation_fraction : float in (0, 1), default=0.1
        Share of the series held out, at random, if `early_stopping`.
    n_iter_no_change : int, default=10
        Epochs without improvement after which to stop, if `early_stopping`.
    tol : float, default=1e-4
        Smallest improvement that counts, in nats per entry, if `early_stopping`.
    warm_start : bool, default=False
        Let `fit` go on from the end of the last call: 50 and 50 epochs equal 100
        in the first stage, but `kl_annealing` begins anew. After Ctrl-C all does.
        Scaling and values that are taken exactly stay those of the first call.
    dependency_every : int or None, default=None
        Epochs of the first stage between two measurements of the mean global dependency
        at a few of the first 256 steps, for `history_`. None takes none.
    check_collapse : bool, default=True
        Measure after each fit, on a few series and at most their first 256 steps,
        whether the latent is used, and warn if the posterior has collapsed.
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
    model_ : tsgen.nn.models.LatentDiffusion
        The fitted network, in evaluation mode.
    scaler_ : SeriesScaler
        Standardises the channels of training series.
    history_ : dict of str to list of float
        Every loss term per epoch in nats per entry of the series, their weighted sum
        ``"loss"``, ``"validation_loss"`` if held out, and the second stage's terms
        after ``"prior_"``. With `dependency_every`, ``"dependency_epoch"`` and
        ``"global_dependency_<step>"``, one entry per measurement.
    n_iter_ : int
        Epochs of the first stage.
    classes_ : ndarray
        Classes of the training series, if `fit` was given some.
    conditions_ : Conditions
        What the training series are given: class or number, static variables, length.
    n_timesteps_, n_channels_ : int
        Shape of a training series, the longest.
    n_features_in_ : int
        The same as `n_timesteps_`, by scikit-learn's convention.
    device_ : str
        Where the network is.

    See Also
    --------
    StablePosteriorGenerator : The same networks, trained so that the latent is used.

    References
    ----------
    "A Study of Posterior Stability in Time-Series Latent Diffusion",
    arXiv 2405.14021, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen import LatentDiffusionGenerator
    >>> phase = np.random.default_rng(0).uniform(0, 6.28, size=(64, 1, 1))
    >>> X = np.sin(phase + np.arange(12)[:, None] / 2)  # (64, 12, 1)
    >>> generator = LatentDiffusionGenerator(
    ...     hidden_size=16, max_iter=2, prior_max_iter=2, random_state=0
    ... )
    >>> generator.fit(X).sample(5).shape
    (5, 12, 1)
    """

    _posterior = "gaussian"
    _remedies = (
        "StablePosteriorGenerator, or kl_weight=1e-3 with variable_masking=0.3 or "
        "skip_connections=True"
    )

    _parameter_constraints: dict = {
        **BaseLatentGenerator._parameter_constraints,
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "kl_annealing": [StrOptions({"monotonic", "cyclical"}), None],
        "mutual_information": [Interval(Real, 0, None, closed="left")],
        "inverse_lipschitz": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(  # noqa: PLR0915  one line per option
        self,
        *,
        # architecture
        backbone: str = "lstm",
        latent_size: int = 16,
        hidden_size: int = 128,
        n_layers: int = 1,
        n_heads: int = 4,
        dropout: float = 0.0,
        skip_connections: bool = False,
        inverse_lipschitz: float = 0.0,
        likelihood: str | Sequence[str] = "mixture",
        n_components: int | str = "auto",
        min_scale: float = 0.005,
        denoiser: str = "mlp",
        # objective
        kl_weight: float = 1.0,
        kl_annealing: str | None = None,
        mutual_information: float = 0.0,
        variable_masking: float = 0.0,
        missing: str = "error",
        guidance: float = 0.0,
        # diffusion, optimisation, runtime
        n_levels: int = 1000,
        noise_schedule: str = "cosine",
        prediction: str = "v",
        sampler: str = "dpm",
        n_sampling_steps: int = 25,
        max_iter: int | str = "auto",
        prior_max_iter: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        prior_learning_rate: float = 3e-3,
        max_grad_norm: float = 1.0,
        ema_decay: float = 0.999,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        dependency_every: int | None = None,
        check_collapse: bool = True,
        device: str = "auto",
        mixed_precision: bool = False,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.backbone = backbone
        self.latent_size = latent_size
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.dropout = dropout
        self.skip_connections = skip_connections
        self.inverse_lipschitz = inverse_lipschitz
        self.likelihood = likelihood
        self.n_components = n_components
        self.min_scale = min_scale
        self.denoiser = denoiser
        self.kl_weight = kl_weight
        self.kl_annealing = kl_annealing
        self.mutual_information = mutual_information
        self.variable_masking = variable_masking
        self.missing = missing
        self.guidance = guidance
        self.n_levels = n_levels
        self.noise_schedule = noise_schedule
        self.prediction = prediction
        self.sampler = sampler
        self.n_sampling_steps = n_sampling_steps
        self.max_iter = max_iter
        self.prior_max_iter = prior_max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.prior_learning_rate = prior_learning_rate
        self.max_grad_norm = max_grad_norm
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.dependency_every = dependency_every
        self.check_collapse = check_collapse
        self.device = device
        self.mixed_precision = mixed_precision
        self.verbose = verbose
        self.random_state = random_state

    def _loss_terms(
        self,
        model: LatentDiffusion,
        batch: Batch,
        generator: torch.Generator,
        progress: float,
    ) -> dict[str, LossTerm]:
        return elbo_terms(
            model,
            batch[0],
            batch[1],
            generator,
            kl_weight=self.kl_weight * annealing_weight(progress, self.kl_annealing),
            variable_masking=self.variable_masking,
            mutual_information=self.mutual_information,
        )

    def _check_options(self, n_levels: int) -> None:
        super()._check_options(n_levels)
        if self.inverse_lipschitz and self.latent_size > self.hidden_size:
            raise ValueError(
                f"latent_size must be at most hidden_size = {self.hidden_size} with "
                f"inverse_lipschitz={self.inverse_lipschitz}, got {self.latent_size}: "
                "a narrower decoder cannot tell all latents apart. Change either."
            )

    def _current_architecture(self) -> dict[str, Any]:
        return {
            **super()._current_architecture(),
            "inverse_lipschitz": float(self.inverse_lipschitz),
        }

    def _inference(self, model: LatentDiffusion, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = model.encode(x)
        assert log_scale is not None
        return mean, log_scale

    def _bound(
        self, model: LatentDiffusion, varies: Tensor, x: Tensor, given: Tensor
    ) -> Tensor:
        return latent_diffusion_bound(model, x, varies, given)
