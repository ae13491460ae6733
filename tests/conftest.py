import contextlib
import random

import numpy as np
import pytest
import torch

from tsgen import (
    DiffusionGenerator,
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
)

with contextlib.suppress(ImportError):
    import rich.style  # noqa: F401  scikit-learn loads it in fit, and it draws a number


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="device of the generators' tests")


TINY_DIFFUSION = {
    "hidden_size": 8,
    "n_layers": 1,
    "n_levels": 20,
    "n_sampling_steps": 5,
    "max_iter": 2,
    "random_state": 0,
}
TINY = {**TINY_DIFFUSION, "latent_size": 4, "n_components": 3, "prior_max_iter": 2}
LATENT_GENERATORS = {
    "stable": (
        StablePosteriorGenerator,
        {**TINY, "n_inference_levels": 2, "n_collapse_levels": 4},
    ),
    "latent": (LatentDiffusionGenerator, TINY),
}
GENERATORS = {**LATENT_GENERATORS, "diffusion": (DiffusionGenerator, TINY_DIFFUSION)}


@contextlib.contextmanager
def float64_by_default():
    """Let torch make float64 where nobody asks for a type, as some programs do."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SETTINGS = {  # of torch, under which everything must go on as usual
    "float64": float64_by_default,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}


@pytest.fixture(params=GENERATORS)
def make_generator(request):
    """Return a function that makes a small generator, for each class."""
    return maker(request)


@pytest.fixture(params=LATENT_GENERATORS)
def make_latent_generator(request):
    """Return a function that makes a small generator, for each class with a latent."""
    return maker(request)


def maker(request):
    make, own = GENERATORS[request.param]
    device = request.config.getoption("--device")
    return lambda **options: make(**{**own, "device": device, **options})


@pytest.fixture(scope="session")
def X():
    """Return 40 sine waves of random phase: (40, 6, 2)."""
    phase = np.random.default_rng(7).uniform(0, 2 * np.pi, size=(40, 1, 1))
    steps = np.arange(6)[:, None] * np.array([0.5, 1.0])
    series = np.sin(phase + steps) * [1.0, 100.0] + [5.0, -3.0]
    series.flags.writeable = False
    return series


@pytest.fixture(autouse=True)
def global_state_untouched(request):
    """Fail any test after which a global generator or flag has changed."""
    before = _global_state()
    state = np.random.get_state(), random.getstate()  # noqa: NPY002  under guard
    yield
    if request.node.get_closest_marker("foreign_draws"):
        np.random.set_state(state[0])  # noqa: NPY002
        random.setstate(state[1])
    assert _global_state() == before


def _global_state():
    name, keys, *rest = np.random.get_state()  # noqa: NPY002  the state under guard
    return (
        (name, keys.tobytes(), *rest),
        torch.get_rng_state().numpy().tobytes(),
        random.getstate(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.backends.mkldnn.enabled,
        torch.backends.cudnn.enabled,
    )
