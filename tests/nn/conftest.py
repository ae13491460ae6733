import pytest
import torch

from tsgen.nn.diffusion import initialized
from tsgen.nn.layers import initialize
from tsgen.nn.models import build
from tsgen.nn.noise import linear_alpha_bar

OPTIONS = {
    "n_channels": 2,
    "backbone": "lstm",
    "posterior": "deterministic",
    "latent_size": 4,
    "hidden_size": 8,
    "n_layers": 1,
    "n_heads": 2,
    "dropout": 0.0,
    "skip_connections": False,
    "likelihood": "gaussian",
    "n_components": 3,
    "min_scale": 0.02,
    "denoiser": "mlp",
    "n_levels": 10,
    "prediction": "v",
}


@pytest.fixture
def normals():
    """Draw standard normals of a shape, always the same for a seed."""

    def draw(*shape, seed=0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return draw


@pytest.fixture
def fresh():
    """Build a module without the global generator and give it seeded weights."""

    def make(factory, *args, seed=0, **kwargs):
        with torch.device("meta"):
            module = factory(*args, **kwargs)
        module = module.to_empty(device="cpu")
        initialize(module, torch.Generator().manual_seed(seed))
        return module

    return make


@pytest.fixture
def make_model():
    """Build a small model with seeded weights and the linear schedule."""

    def make(seed=0, **options):
        with torch.device("meta"):
            model = build(**{**OPTIONS, **options})
        return initialized(model, linear_alpha_bar(model.n_levels), seed)

    return make


@pytest.fixture
def assert_trainable():
    """Check that a scalar reaches every parameter with a finite, nonzero gradient."""

    def check(scalar, module):
        scalar.backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name

    return check
