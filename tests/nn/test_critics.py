"""Networks of the metrics: layers, losses, views, training."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tsgen.exceptions import TrainingDivergedError
from tsgen.nn import critics


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def x(generator):
    return torch.randn(5, 9, 2, generator=generator)


def build_encoder(n_timesteps=9, width=6):
    generator = torch.Generator().manual_seed(1)
    shape = 2, n_timesteps, width, 8
    return critics.make(lambda: critics.SeriesEncoder(*shape), generator)


# layers


def test_weights_come_from_the_generator_alone(generator):
    one, same = (
        critics.make(
            lambda: critics.SeriesReader(2, 1, 3), torch.Generator().manual_seed(5)
        )
        for _ in range(2)
    )
    other = critics.make(lambda: critics.SeriesReader(2, 1, 3), generator)
    assert torch.equal(one.gru.weight_hh_l0, same.gru.weight_hh_l0)
    assert not torch.equal(one.gru.weight_hh_l0, other.gru.weight_hh_l0)
    assert all(p.dtype == torch.float32 for p in one.parameters())


def test_a_verdict_is_what_is_said_last(generator, x):
    reader = critics.make(lambda: critics.SeriesReader(2, 1, 3), generator)
    torch.testing.assert_close(reader.verdict(x), reader(x)[:, -1, 0])


def test_a_reader_does_not_look_ahead(generator, x):
    reader = critics.make(lambda: critics.SeriesReader(2, 4, 3), generator)
    changed = x.clone()
    changed[:, 5:] = 0
    torch.testing.assert_close(reader(x)[:, :5], reader(changed)[:, :5])
    assert reader(x).shape == (5, 9, 4)


@pytest.mark.parametrize("dilation", [1, 4, 16])
def test_the_convolution_is_that_of_torch(dilation, generator, x):
    layer = critics.make(lambda: critics.DilatedConvolution(2, 3, dilation), generator)
    kernel = layer.taps.weight.view(3, 3, 2).transpose(1, 2)  # (out, in, taps)
    expected = F.conv1d(
        x.transpose(1, 2), kernel, layer.taps.bias, padding=dilation, dilation=dilation
    )
    torch.testing.assert_close(layer(x), expected.transpose(1, 2))


@pytest.mark.parametrize("n_timesteps", [1, 2, 5, 24, 65])
def test_every_step_sees_the_whole_series(n_timesteps, generator):
    encoder = build_encoder(n_timesteps)
    x = torch.randn(1, n_timesteps, 2, generator=generator, requires_grad=True)
    for step in (0, n_timesteps - 1):
        (gradient,) = torch.autograd.grad(encoder(x)[0, step].sum(), x)
        assert (gradient.abs().sum(2) > 0).all()


def test_a_series_is_embedded_by_the_largest_value_over_time(x):
    encoder = build_encoder()
    torch.testing.assert_close(encoder.whole(x), encoder(x).max(dim=1).values)
    assert encoder.whole(x).shape == (5, 6)


def test_hidden_steps_are_not_seen(x):
    encoder, keep = build_encoder(), torch.ones(5, 9)
    keep[:, 4:] = 0
    changed = x.clone()
    changed[:, 4:] += 3
    torch.testing.assert_close(encoder(x, keep), encoder(changed, keep))
    assert not torch.allclose(encoder(x), encoder(changed))


# losses


def test_twins_are_found_by_a_softmax_over_all_others():
    points = torch.tensor([[[1.0], [2.0], [3.0], [-1.0]]])  # twins: 1 and 3, 2 and -1
    s = np.outer([1, 2, 3, -1], [1, 2, 3, -1])
    expected = []
    for k, twin in enumerate([2, 3, 0, 1]):
        others = [s[k, j] for j in range(4) if j != k]
        expected.append(np.log(np.exp(others).sum()) - s[k, twin])
    loss = critics.twin_contrast(points)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-6)


def test_a_single_pair_of_twins_costs_nothing(generator):
    assert critics.twin_contrast(torch.randn(3, 2, 4, generator=generator)) == 0


def test_levels_halve_the_time_down_to_one(generator):
    a, b = torch.randn(2, 3, 5, 4, generator=generator)

    def level(a, b):
        by_series = critics.twin_contrast(torch.cat([a, b]).transpose(0, 1))
        by_time = critics.twin_contrast(torch.cat([a, b], dim=1))
        return (by_series + by_time) / 2

    def halve(v):
        return torch.stack([v[:, 0:2].amax(1), v[:, 2:4].amax(1)], dim=1)

    two = halve(a), halve(b)
    one = [v.amax(1, keepdim=True) for v in two]
    expected = (level(a, b) + level(*two) + level(*one)) / 3
    torch.testing.assert_close(critics.hierarchical_contrast(a, b), expected)


def test_a_series_is_told_from_others_at_the_same_time(generator):
    a = torch.randn(3, 1, 4, generator=generator)
    loss = critics.hierarchical_contrast(a, a)
    expected = critics.twin_contrast(torch.cat([a, a]).transpose(0, 1)) / 2
    torch.testing.assert_close(loss, expected)


def test_both_classes_weigh_the_same(generator, x):
    reader = critics.make(lambda: critics.SeriesReader(2, 1, 3), generator)
    a, b = reader.verdict(x[:4]), reader.verdict(x[4:])
    expected = -(a.sigmoid().log().mean() + (1 - b.sigmoid()).log().mean()) / 2
    loss = critics.discrimination_loss(reader, x[:4], x[4:])
    torch.testing.assert_close(loss, expected)


# views and batches


@pytest.mark.parametrize("n_timesteps", [1, 2, 3, 24, 300, 1000])
def test_two_stretches_overlap_and_stay_inside(n_timesteps, generator):
    draws = [critics.draw_overlap(n_timesteps, generator) for _ in range(300)]
    begin, start, stop, end = np.array(draws).T
    assert (begin >= 0).all()
    assert (begin <= start).all()
    assert (stop <= end).all()
    assert (end <= n_timesteps).all()
    assert (stop - start >= min(2, n_timesteps)).all()
    longest = np.maximum(stop - begin, end - start)
    assert longest.max() <= critics.LONGEST_CROP
    if 1 < n_timesteps <= critics.LONGEST_CROP:
        assert begin.min() == 0
        assert end.max() == n_timesteps
        assert len(set(draws)) > 1 or n_timesteps == 2


def test_views_hide_their_outside_and_half_of_their_inside(generator, monkeypatch):
    overlap = 2, 5, 40, 60
    monkeypatch.setattr(critics, "draw_overlap", lambda *_: overlap)
    seen = {}

    def encoder(x, keep):
        seen.update(x=x, keep=keep)
        return x

    x = torch.randn(50, 64, 1, generator=generator)
    critics.contrast_of_views(encoder, x, generator)
    torch.testing.assert_close(seen["x"], x[:, 2:60].repeat(2, 1, 1))
    first, second = seen["keep"].chunk(2)
    assert first[:, 38:].sum() == 0
    assert second[:, :3].sum() == 0
    assert float(first[:, :38].mean()) == pytest.approx(0.5, abs=0.05)
    assert float(second[:, 3:].mean()) == pytest.approx(0.5, abs=0.05)
    assert not torch.equal(first[:, 3:38], second[:, 3:38])


def test_rows_of_a_batch_differ_and_all_come_at_times(generator):
    rows = critics.draw_rows(7, 3, generator)
    batches = [next(rows).tolist() for _ in range(50)]
    assert all(len(set(batch)) == 3 for batch in batches)
    assert {row for batch in batches for row in batch} == set(range(7))
    assert len(next(critics.draw_rows(2, 9, generator))) == 2


def test_inputs_are_copied_and_held_in_range():
    array = np.array([[[1e300], [-1e300], [2.0]]])
    array.flags.writeable = False
    expected = [critics.LIMIT, -critics.LIMIT, 2.0]
    assert critics.as_input(array).flatten().tolist() == expected
    assert critics.as_input(array).dtype == torch.float32


# training


class Slope(nn.Module):
    """One number, from 0."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))


def test_training_lowers_the_loss_by_a_step_a_time():
    slope, calls = Slope(), []

    def loss():
        calls.append(float(slope.value.detach()))
        return (slope.value - 5) ** 2

    critics.train_critic(slope, loss, 30)
    assert len(calls) == 30
    assert float(slope.value.detach()) == pytest.approx(30 * critics.RATE, rel=0.05)


def test_a_validation_stops_the_training_and_keeps_the_best_weights():
    slope = Slope()
    best = 100 * critics.STOPPED_RATE
    steps = []

    def loss():
        steps.append(1)
        return (slope.value - 50) ** 2

    critics.train_critic(
        slope, loss, 10_000, validation_loss=lambda: (slope.value - best).abs()
    )
    assert len(steps) == 100 + critics.EVERY * critics.PATIENCE
    assert float(slope.value.detach()) == pytest.approx(best, rel=0.05)


def test_training_works_where_gradients_are_off():
    slope = Slope()
    with torch.no_grad():
        critics.train_critic(slope, lambda: (slope.value - 5) ** 2, 3)
    assert slope.value > 0


@pytest.mark.parametrize("where", ["loss", "validation"])
def test_a_loss_that_is_not_finite_is_an_error(where):
    slope = Slope()
    factors = {"loss": 1.0, "validation": 1.0, where: math.nan}
    with pytest.raises(TrainingDivergedError, match="network of the metric diverged"):
        critics.train_critic(
            slope,
            lambda: slope.value * factors["loss"],
            3,
            validation_loss=lambda: slope.value * factors["validation"],
        )


def test_answers_that_are_not_finite_are_an_error(x):
    with pytest.raises(TrainingDivergedError, match="answers that are not finite"):
        critics.apply_critic(lambda part: part / 0, x)


def test_parts_are_joined_in_order(monkeypatch, x):
    monkeypatch.setattr(critics, "PART", 2)
    answers = critics.apply_critic(lambda part: part.sum(2), x)
    np.testing.assert_array_equal(answers, x.sum(2).double().numpy())


def test_a_discriminator_learns_what_is_real(x):
    options = {"hidden_size": 4, "n_iterations": 300, "batch_size": 3, "seed": 0}
    reader = critics.fit_discriminator(x, x + 2, **options)
    assert (critics.apply_critic(reader.verdict, x) > 0).all()
    assert (critics.apply_critic(reader.verdict, x + 2) < 0).all()


@pytest.mark.parametrize("bounded", [True, False])
def test_a_forecaster_learns_its_targets(bounded, x):
    y = 0.5 + 0.4 * x[..., :1].sign()
    options = {"hidden_size": 8, "n_iterations": 800, "batch_size": 5, "seed": 0}
    forecaster = critics.fit_forecaster(x, y, bounded=bounded, **options)
    answers = critics.apply_critic(forecaster, x)
    assert np.abs(answers - y.numpy()).mean() < 0.2
    assert not bounded or (answers.min() > 0 and answers.max() < 1)


def test_a_forecaster_stops_by_its_validation(x):
    options = {"hidden_size": 4, "n_iterations": 300, "batch_size": 5, "seed": 0}
    weights = []
    for validation in (None, (x, x)):
        net = critics.fit_forecaster(
            x, -x, bounded=False, validation=validation, **options
        )
        weights.append(net[0].head.bias.detach())
    assert not torch.equal(*weights)


def test_an_encoder_learns_to_tell_series_apart(generator):
    x = torch.randn(12, 9, 2, generator=generator)
    losses = []
    for n_iterations in (1, 60):
        encoder = critics.fit_encoder(
            x, width=6, n_iterations=n_iterations, batch_size=12, seed=0
        )
        with torch.no_grad():
            views = [critics.contrast_of_views(encoder, x, generator) for _ in range(9)]
        losses.append(float(torch.stack(views).mean()))
    assert losses[1] < 0.9 * losses[0]


def test_a_seed_gives_the_same_network_bit_for_bit(x):
    options = {"n_iterations": 5, "batch_size": 2}
    for fit in (
        lambda seed: critics.fit_encoder(x, width=3, seed=seed, **options),
        lambda seed: critics.fit_discriminator(
            x, -x, hidden_size=2, seed=seed, **options
        ),
    ):
        first, again, other = (next(fit(seed).parameters()) for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
