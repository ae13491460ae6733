import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.decoders import (
    LSTMDecoder,
    Past,
    TransformerDecoder,
    carried,
    changes_of,
    delayed,
    generate,
)
from tsgen.nn.layers import readable

B, T, C, K, H = 3, 6, 2, 4, 8
L = 1.5


def lstm(n_layers, skip_connections, dropout=0.0):
    return LSTMDecoder(C, K, H, n_layers, dropout, skip_connections=skip_connections)


def transformer(n_layers, skip_connections, dropout=0.0):
    return TransformerDecoder(
        C, K, H, n_layers, 2, dropout, skip_connections=skip_connections
    )


def constrained_lstm(n_layers, skip_connections, dropout=0.0):
    return LSTMDecoder(
        C,
        K,
        H,
        n_layers,
        dropout,
        skip_connections=skip_connections,
        inverse_lipschitz=L,
    )


def constrained_transformer(n_layers, skip_connections, dropout=0.0):
    return TransformerDecoder(
        C,
        K,
        H,
        n_layers,
        2,
        dropout,
        skip_connections=skip_connections,
        inverse_lipschitz=L,
    )


BACKBONES = [lstm, transformer, constrained_lstm, constrained_transformer]
every_backbone = pytest.mark.parametrize("backbone", BACKBONES)
every_depth = pytest.mark.parametrize("n_layers", [1, 3])
with_and_without_skip = pytest.mark.parametrize("skip", [False, True])


def every_decoder(test):
    return every_backbone(every_depth(with_and_without_skip(test)))


@pytest.fixture
def z(normals):
    return normals(B, K)


@pytest.fixture
def x(normals):
    return normals(B, T, C, seed=1)


def test_the_prefix_is_the_series_one_step_late(x):
    prefix = delayed(x)
    assert not prefix[:, 0].any()
    assert torch.equal(prefix[:, 1:], x[:, :-1])


def test_the_prefix_of_one_step_is_zero(x):
    assert torch.equal(delayed(x[:, :1]), torch.zeros(B, 1, C))
    assert delayed(x[:, :1], first=torch.nan).isnan().all()


# the family of decoders


@every_decoder
def test_there_are_features_for_every_step(fresh, z, x, backbone, n_layers, skip):
    assert fresh(backbone, n_layers, skip)(z, delayed(x)).shape == (B, T, H)


@every_decoder
def test_every_weight_of_a_decoder_is_trained(
    fresh, z, x, assert_trainable, backbone, n_layers, skip
):
    module = fresh(backbone, n_layers, skip)
    assert_trainable(module(z, delayed(x)).square().sum(), module)


@every_decoder
@pytest.mark.parametrize("t", range(T))
def test_a_step_changes_the_features_after_it_and_no_others(
    fresh, z, x, backbone, n_layers, skip, t
):
    module = fresh(backbone, n_layers, skip).double()
    other = x.double()
    h = module(z.double(), delayed(other))
    other[:, t] += 1
    change = (module(z.double(), delayed(other)) - h).abs().amax(dim=2)
    assert not change[:, : t + 1].any()
    assert (change[:, t + 1 :] > 1e-6).all()


@every_decoder
def test_the_latent_changes_the_features_of_every_step(
    fresh, z, x, backbone, n_layers, skip
):
    module = fresh(backbone, n_layers, skip).double()
    x, z = x.double(), z.double()
    change = module(z + 1, delayed(x)) - module(z, delayed(x))
    assert (change.abs().amax(dim=2) > 1e-6).all()


@every_decoder
def test_one_step_at_a_time_gives_the_features_of_the_whole_prefix(
    fresh, z, x, backbone, n_layers, skip
):
    module = fresh(backbone, n_layers, skip).double()
    z, prefix = z.double(), delayed(x.double())
    state, steps = module.begin(z), []
    for t in range(T):
        features, state = module.step(state, prefix[:, t])
        steps.append(features)
    assert_close(torch.stack(steps, dim=1), module(z, prefix), rtol=1e-10, atol=1e-12)


@every_decoder
def test_features_of_a_row_do_not_depend_on_the_batch(
    fresh, z, x, backbone, n_layers, skip
):
    module = fresh(backbone, n_layers, skip).double()
    z, prefix = z.double(), delayed(x.double())
    assert_close(module(z[1:2], prefix[1:2]), module(z, prefix)[1:2])


@every_backbone
def test_the_first_features_depend_on_the_latent_alone(fresh, z, x, backbone):
    module = fresh(backbone, 1, False)
    first, other = module(z, delayed(x))[:, 0], module(z, delayed(x + 1))[:, 0]
    assert torch.equal(first, other)


@every_backbone
def test_equal_observations_at_different_steps_are_told_apart(fresh, z, backbone):
    h = fresh(backbone, 1, False)(z, torch.zeros(B, T, C))
    assert ((h[:, 1:] - h[:, :-1]).abs().amax(dim=2) > 1e-4).all()


@every_backbone
def test_a_series_of_one_step_has_features(fresh, z, x, backbone):
    assert fresh(backbone, 2, True)(z, delayed(x[:, :1])).shape == (B, 1, H)


@every_backbone
def test_a_step_leaves_its_state_as_it_was(fresh, z, x, backbone):
    module = fresh(backbone, 2, True)
    _, state = module.step(module.begin(z), x[:, 0])
    first, again = (module.step(state, x[:, 1])[0] for _ in range(2))
    assert torch.equal(first, again)


@every_backbone
def test_decoding_in_evaluation_is_deterministic(fresh, z, x, backbone):
    module = fresh(backbone, 2, True, 0.5).eval()
    generator = torch.Generator().manual_seed(0)
    first, again = (module(z, delayed(x), generator) for _ in range(2))
    assert torch.equal(first, again)


@every_backbone
def test_dropout_of_a_decoder_follows_the_generator(fresh, z, x, backbone):
    module = fresh(backbone, 2, False, 0.5)
    first, again, other = (
        module(z, delayed(x), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_backbone
def test_a_decoder_works_in_float64(fresh, z, x, backbone):
    module = fresh(backbone, 2, True)
    single = module(z, delayed(x))
    double = module.double()(z.double(), delayed(x.double()))
    assert double.dtype == torch.float64
    assert_close(double.float(), single, rtol=1e-4, atol=1e-5)


@every_backbone
@with_and_without_skip
def test_the_state_of_a_decoder_makes_an_equal_one(fresh, z, x, backbone, skip):
    module, other = (fresh(backbone, 2, skip, seed=seed) for seed in (0, 1))
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(z, delayed(x)), module(z, delayed(x)))


def test_the_first_states_of_the_lstm_are_linear_in_the_latent(fresh, z):
    module = fresh(lstm, 2, False).double()
    _, hidden, cell = module.begin(z.double())
    parts = [part for pair in zip(hidden, cell, strict=True) for part in pair]
    flat = torch.cat(parts, dim=1)
    assert_close(flat, module.initial_state(z.double()))


# the latent where it enters


def entering(decoder, z):
    """What a decoder reads of latents: before the first step, and at every step."""
    if isinstance(decoder, LSTMDecoder):
        state = decoder.begin(z)
        return torch.cat([*state.hidden, *state.cell], dim=1), state.z
    skipped = z if decoder.skip is None else decoder.skip(z)
    return decoder.embed_latent(z), skipped


@pytest.mark.parametrize("backbone", [constrained_lstm, constrained_transformer])
@every_depth
@with_and_without_skip
def test_what_a_constrained_decoder_reads_tells_latents_apart(
    fresh, normals, x, backbone, n_layers, skip
):
    decoder = fresh(backbone, n_layers, skip).double()
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.05)
    z, x = normals(B, K, dtype=torch.float64), x.double()
    for _ in range(5):
        optimizer.zero_grad()
        decoder(z, delayed(x)).square().sum().backward()
        optimizer.step()
    a, b = normals(2, 500, K, seed=2, dtype=torch.float64)
    apart = (a - b).norm(dim=1)
    first, every = (
        (read - other).norm(dim=1)
        for read, other in zip(entering(decoder, a), entering(decoder, b), strict=True)
    )
    assert (first >= L * apart * (1 - 1e-9)).all()
    assert (every >= (L if skip else 1) * apart * (1 - 1e-9)).all()


def test_linear_first_states_bring_latents_nearer(fresh, normals):
    decoder = fresh(lstm, 1, False)
    a, b = normals(2, 500, K, seed=2)
    first = entering(decoder, a)[0] - entering(decoder, b)[0]
    assert (first.norm(dim=1) < L * (a - b).norm(dim=1)).any()


@with_and_without_skip
def test_without_the_constraint_the_weights_are_those_there_always_were(fresh, skip):
    found = [list(fresh(b, 1, skip).state_dict()) for b in (lstm, transformer)]
    layer = [
        f"layers.0.{kind}_{part}_l0"
        for kind in ("weight", "bias")
        for part in ("ih", "hh")
    ]
    assert found[0] == ["initial_state.weight", "initial_state.bias", *layer]
    entrances = [
        "embed.weight",
        "embed.bias",
        "embed_latent.weight",
        "embed_latent.bias",
    ]
    entrances += ["skip.weight"] * skip
    assert found[1][: len(entrances)] == entrances
    assert all(
        name.startswith(("blocks.", "norm.")) for name in found[1][len(entrances) :]
    )


# generation


@every_decoder
def test_generated_series_are_decoded_from_themselves(
    fresh, z, backbone, n_layers, skip
):
    module = fresh(backbone, n_layers, skip).double()
    z = z.double()
    x = generate(module, z, lambda h, past, t: h[:, :C] + t, T, C)
    h = module(z, readable(delayed(x)))
    assert_close(x, h[:, :, :C] + torch.arange(T)[:, None])


@every_backbone
def test_each_step_is_told_the_one_before_it(fresh, z, backbone):
    told = []

    def emit(h, past, t):
        told.append(past)
        return h[:, :C]

    x = generate(fresh(backbone, 1, False), z, emit, T, C)
    expected = Past.before_each(delayed(x, first=torch.nan))
    for found, wanted in zip(zip(*told, strict=True), expected, strict=True):
        assert_close(torch.stack(found, dim=1), wanted, equal_nan=True)
    assert expected.value[:, 0].isnan().all()
    assert_close(expected.change[:, 2:], x[:, 1:-1] - x[:, :-2])


@every_backbone
def test_generated_series_have_the_asked_shape(fresh, z, backbone):
    x = generate(fresh(backbone, 1, False), z, lambda h, *_: h[:, :C], 9, C)
    assert x.shape == (B, 9, C)


def test_values_are_carried_into_gaps_but_not_into_hidden_steps():
    nan = torch.nan
    x = torch.tensor([[[nan, 1.0], [nan, 2.0], [3.0, nan], [nan, nan], [nan, 5.0]]])
    expected = [[[nan, 1.0], [nan, 2.0], [3.0, 2.0], [nan, nan], [3.0, 5.0]]]
    assert_close(carried(x), torch.tensor(expected), equal_nan=True)
    past = Past.before_each(x)
    assert torch.equal(past.missing, x.isnan())
    assert_close(past.value, carried(x), equal_nan=True)
    changes = [[nan, nan], [nan, 1.0], [nan, 0.0], [nan, nan], [nan, nan]]
    assert_close(past.change, torch.tensor([changes]), equal_nan=True)
    bends = [[nan, nan], [nan, nan], [nan, -1.0], [nan, nan], [nan, nan]]
    assert_close(past.bend, torch.tensor([bends]), equal_nan=True)


def test_durations_are_counted_from_the_last_bend():
    nan = torch.nan
    x = torch.tensor([0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 4.0, 4.0, 4.0, nan, 5.0, 6.0, 7.0])
    x = torch.stack([x, torch.zeros_like(x)], dim=-1)[None]
    found = Past.before_each(x).run[0]
    assert found[:, 0].tolist() == [-1, -2, -3, -4, 0, 1, 0, 1, 2, 3, 0, 1, 2]
    assert found[:, 1].tolist() == [-1 - t for t in range(13)]


def test_changes_are_from_the_last_value_observed():
    nan = torch.nan
    x = torch.tensor([[[nan, 1.0], [2.0, nan], [5.0, 0.0], [nan, nan], [nan, 5.0]]])
    expected = [[[nan, nan], [nan, nan], [3.0, -1.0], [nan, nan], [nan, nan]]]
    assert_close(changes_of(x), torch.tensor(expected), equal_nan=True)


def test_nothing_is_carried_where_nothing_is_missing(normals):
    x = normals(B, T, C)
    assert torch.equal(carried(x), x)
