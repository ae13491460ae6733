import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from tsgen.nn.layers import (
    Dropout,
    InverseLipschitz,
    SelfAttention,
    TransformerBlock,
    full_precision,
    initialize,
    lstm_cell,
    sinusoidal_embedding,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# weights


@pytest.mark.parametrize(
    ("factory", "args", "fan_in"),
    [(nn.Linear, (100, 1000), 100), (nn.Conv1d, (20, 1000, 5), 100)],
)
def test_matrices_and_kernels_are_uniform_by_their_fan_in(fresh, factory, args, fan_in):
    weight = fresh(factory, *args).weight
    assert weight.abs().max() <= 1 / math.sqrt(fan_in)
    # relative error sqrt(0.8 / 1e5) = 0.28 %; alpha = 1e-5 at 4.4 of them
    assert_close(3 * fan_in * weight.var().item(), 1.0, rtol=0, atol=0.013)


@pytest.mark.parametrize(
    ("factory", "args"), [(nn.Linear, (3, 4)), (nn.LSTM, (3, 4)), (nn.LayerNorm, (4,))]
)
def test_biases_start_at_zero(fresh, factory, args):
    module = fresh(factory, *args)
    assert not any(p.any() for name, p in module.named_parameters() if "bias" in name)


@pytest.mark.parametrize(
    ("factory", "args"), [(nn.LayerNorm, (4,)), (nn.GroupNorm, (2, 4))]
)
def test_gains_of_norms_start_at_one(fresh, factory, args):
    assert (fresh(factory, *args).weight == 1).all()


def test_weights_depend_on_the_seed_alone(fresh):
    first, again, other = (
        fresh(nn.Linear, 3, 4, seed=seed).weight for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_weight_is_left_as_it_was(fresh):
    block = fresh(TransformerBlock, 4, 2, 0.0, causal=True)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.fill_(torch.nan)
    initialize(block, seeded())
    assert all(parameter.isfinite().all() for parameter in block.parameters())


# dropout


def test_dropout_zeroes_the_named_share():
    x = torch.ones(100, 1000)
    zeros = (Dropout(0.3)(x, seeded()) == 0).double().mean().item()
    # standard error sqrt(0.21 / 1e5) = 0.0015; alpha = 1e-5
    assert abs(zeros - 0.3) < 4.42 * 0.00145


def test_dropout_scales_what_is_left_by_the_share_kept():
    dropped = Dropout(0.75)(torch.ones(1000), seeded())
    assert dropped.unique().tolist() == [0.0, 4.0]


def test_dropout_masks_follow_their_generator():
    x, dropout = torch.ones(50), Dropout(0.5)
    assert torch.equal(dropout(x, seeded()), dropout(x, seeded()))
    assert not torch.equal(dropout(x, seeded()), dropout(x, seeded(1)))


@pytest.mark.parametrize(
    ("dropout", "generator"),
    [
        (Dropout(0.5).eval(), seeded()),
        (Dropout(0.5), None),
        (Dropout(0.0), seeded()),
    ],
    ids=["evaluation", "no generator", "p = 0"],
)
def test_without_dropout_the_input_is_handed_on(dropout, generator):
    x = torch.ones(50)
    assert dropout(x, generator) is x


def test_dropout_in_evaluation_does_not_advance_the_generator():
    generator = seeded()
    before = generator.get_state()
    Dropout(0.5).eval()(torch.ones(5), generator)
    assert torch.equal(generator.get_state(), before)


# precision and positions


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_full_precision_widens_the_short_types_only(dtype, wanted):
    assert full_precision(torch.ones(2, dtype=dtype)).dtype == wanted


def test_the_embedding_is_that_of_vaswani_up_to_the_order_of_columns():
    found = sinusoidal_embedding(torch.arange(30), 8)
    rate = 10_000 ** (-2 * np.arange(4) / 8)
    angle = np.arange(30)[:, None] * rate
    wanted = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    assert_close(found.numpy(), wanted, rtol=0, atol=1e-5, check_dtype=False)


def test_all_levels_of_a_long_schedule_are_told_apart():
    embedding = sinusoidal_embedding(torch.arange(1001), 16)
    assert torch.pdist(embedding).min() > 0.1


# attention


def attention_by_hand(attention, x, causal):
    """Softmax of scaled products, one series, head and step at a time."""
    B, T, H = x.shape
    width = H // attention.n_heads
    query, key, value = attention.project(x).split(H, dim=-1)
    mixed = torch.zeros_like(x)
    for b in range(B):
        for head in range(attention.n_heads):
            own = slice(head * width, (head + 1) * width)
            for t in range(T):
                seen = slice(0, t + 1 if causal else T)
                score = key[b, seen, own] @ query[b, t, own] / math.sqrt(width)
                mixed[b, t, own] = score.softmax(0) @ value[b, seen, own]
    return attention.merge(mixed)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("n_heads", [1, 3])
def test_attention_equals_its_definition(fresh, normals, causal, n_heads):
    attention = fresh(SelfAttention, 12, n_heads, causal).double()
    x = normals(2, 5, 12, dtype=torch.float64)
    assert_close(attention(x), attention_by_hand(attention, x, causal))


def test_a_cache_gives_the_same_attention_one_step_at_a_time(fresh, normals):
    attention = fresh(SelfAttention, 8, 2, True).double()
    x = normals(2, 5, 8, dtype=torch.float64)
    cache, steps = attention.empty_cache(x), []
    for t in range(5):
        mixed, cache = attention.step(x[:, t : t + 1], cache)
        steps.append(mixed)
    assert_close(torch.cat(steps, dim=1), attention(x))


@pytest.mark.parametrize("n_in", [3, 8])
def test_the_cell_steps_as_the_lstm_does(fresh, normals, n_in):
    layer = fresh(nn.LSTM, n_in, 8, batch_first=True).double()
    x, h, c = (normals(2, n, seed=n, dtype=torch.float64) for n in (n_in, 8, 8))
    _, (hidden, cell) = layer(x[:, None], (h[None], c[None]))
    for mine, theirs in zip(lstm_cell(layer, x, h, c), (hidden, cell), strict=True):
        assert_close(mine, theirs[0])


def test_attention_over_the_whole_series_ignores_the_order(fresh, normals):
    block = fresh(TransformerBlock, 8, 2, 0.0, causal=False).double()
    x, order = normals(2, 5, 8, dtype=torch.float64), [3, 1, 4, 0, 2]
    assert_close(block(x[:, order]), block(x)[:, order])


# maps that tell inputs apart


def stretches(module, normals, n_in):
    """Ratios of distances after and before, of pairs both near and far."""
    a, step = normals(2, 2000, n_in, seed=3, dtype=torch.float64)
    size = torch.logspace(-3, 2, 2000, dtype=torch.float64)[:, None]
    moved = (module(a + size * step) - module(a)).norm(dim=1)
    return moved / (size * step).norm(dim=1)


every_bound = pytest.mark.parametrize("bound", [0.1, 1.0, 7.0])
every_width = pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (4, 4), (4, 9)])


@every_bound
@every_width
@pytest.mark.parametrize("gain", [0.0, 1.0, 10.0])
def test_outputs_differ_by_at_least_the_bound(fresh, normals, bound, n_in, n_out, gain):
    module = fresh(InverseLipschitz, n_in, n_out, bound).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(gain * normals(*parameter.shape))
    least = stretches(module, normals, n_in).min()
    assert least > bound * (1 - 1e-9)
    if gain == 0:
        assert_close(least.item(), bound)


@every_bound
def test_training_to_ignore_the_input_does_not_break_the_bound(fresh, normals, bound):
    module = fresh(InverseLipschitz, 4, 9, bound).double()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    z = normals(50, 4, dtype=torch.float64)
    before = module(z).square().mean().item()
    for _ in range(50):
        loss = module(z).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < before
    assert stretches(module, normals, 4).min() > bound * (1 - 1e-9)


def test_the_map_is_the_gradient_of_a_convex_potential(fresh, normals):
    module = fresh(InverseLipschitz, 5, 5, 0.5).double()
    z = normals(5, seed=1, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(module, z)
    assert_close(jacobian, jacobian.T)
    assert torch.linalg.eigvalsh(jacobian).min() > 0.5


def test_every_weight_of_the_map_is_trained(fresh, normals, assert_trainable):
    module = fresh(InverseLipschitz, 4, 9, 1.0)
    assert_trainable((module(normals(6, 4)) * normals(6, 9)).sum(), module)
