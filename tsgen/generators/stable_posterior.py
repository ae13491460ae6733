"""Latent diffusion with a stable posterior: the paper's own method (section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from tsgen._random import RandomState
from tsgen.generators.latent import BaseLatentGenerator
from tsgen.nn.bounds import stable_posterior_bound
from tsgen.nn.models import LatentDiffusion
from tsgen.nn.objectives import LossTerm, stable_posterior_terms
from tsgen.nn.training import Batch


class StablePosteriorGenerator(BaseLatentGenerator):
    """Generate time series by latent diffusion with a stable posterior.

    The first levels of the diffusion serve as variational inference, without a KL
    term; the last levels simulate a collapsed posterior, in which the decoder is
    charged for what it explains without the latent. So the decoder keeps listening.

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
    skip_connections : bool, default=True
        Feed the latent to the decoder at every step, not only before the first.
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
    gamma : float, default=2.0
        Multiplier of the level in the weight of the likelihood (eq. 13).
    alpha : float, default=1.0
        Weight of the collapse penalty; 1 in the paper, 0 switches it off.
    eta : float, default=1.0
        Divisor, at least 1, of the level in the weight of the penalty (eq. 14).
    n_inference_levels : int, default=200
        Number N of first levels that serve as variational inference, at least 1.
    n_collapse_levels : int, default=100
        Number M of last levels that simulate collapse; 0 switches the penalty off.
    collapse_penalty : {"step", "entry", "series", "kl", "printed"}, default="step"
        What the decoder is charged for when it sees no latent: likelihood above that of
        an uninformed reference, summed over a time step, an entry or the series before
        it is bounded; the divergence from that reference; or, as printed in eq. 14, the
        likelihood itself, which has no bound and diverges.
    variable_masking : float in [0, 1], default=0.2
        Probability of hiding an observation from the decoder in training.
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
        in the first stage. After Ctrl-C it starts anew. Scaling and values that are
        taken exactly stay those of the first call.
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
    LatentDiffusionGenerator : The baseline, whose posterior may collapse.

    References
    ----------
    "A Study of Posterior Stability in Time-Series Latent Diffusion",
    arXiv 2405.14021, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen import StablePosteriorGenerator
    >>> phase = np.random.default_rng(0).uniform(0, 6.28, size=(64, 1, 1))
    >>> X = np.sin(phase + np.arange(12)[:, None] / 2)  # (64, 12, 1)
    >>> generator = StablePosteriorGenerator(
    ...     hidden_size=16, max_iter=2, prior_max_iter=2, random_state=0
    ... )
    >>> generator.fit(X).sample(5).shape
    (5, 12, 1)
    """

    _posterior = "deterministic"
    _remedies = (
        "a larger max_iter: the decoder learns to listen in the course of training; "
        "then variable_masking=0.5"
    )

    _parameter_constraints: dict = {
        **BaseLatentGenerator._parameter_constraints,
        "gamma": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "eta": [Interval(Real, 1, None, closed="left")],
        "n_inference_levels": [Interval(Integral, 1, None, closed="left")],
        "n_collapse_levels": [Interval(Integral, 0, None, closed="left")],
        "collapse_penalty": [StrOptions({"step", "entry", "series", "kl", "printed"})],
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
        skip_connections: bool = True,
        likelihood: str | Sequence[str] = "mixture",
        n_components: int | str = "auto",
        min_scale: float = 0.005,
        denoiser: str = "mlp",
        # objective
        gamma: float = 2.0,
        alpha: float = 1.0,
        eta: float = 1.0,
        n_inference_levels: int = 200,
        n_collapse_levels: int = 100,
        collapse_penalty: str = "step",
        variable_masking: float = 0.2,
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
        self.likelihood = likelihood
        self.n_components = n_components
        self.min_scale = min_scale
        self.denoiser = denoiser
        self.gamma = gamma
        self.alpha = alpha
        self.eta = eta
        self.n_inference_levels = n_inference_levels
        self.n_collapse_levels = n_collapse_levels
        self.collapse_penalty = collapse_penalty
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
        return stable_posterior_terms(
            model,
            batch[0],
            batch[1],
            generator,
            gamma=self.gamma,
            alpha=self.alpha,
            eta=self.eta,
            n_inference_levels=self.n_inference_levels,
            n_collapse_levels=self.n_collapse_levels,
            collapse_penalty=self.collapse_penalty,
            variable_masking=self.variable_masking,
        )

    def _prepare(self, model: LatentDiffusion) -> None:
        super()._prepare(model)
        model.last_level.fill_(self.n_inference_levels)

    def _inference(self, model: LatentDiffusion, x: Tensor) -> tuple[Tensor, Tensor]:
        z0, _ = model.encode(x)
        kept = model.alpha_bar[model.last_level]
        log_scale = 0.5 * torch.log1p(-kept)
        return kept.sqrt() * z0, log_scale.expand_as(z0)

    def _bound(
        self, model: LatentDiffusion, varies: Tensor, x: Tensor, given: Tensor
    ) -> Tensor:
        return stable_posterior_bound(model, x, varies, int(model.last_level), given)
