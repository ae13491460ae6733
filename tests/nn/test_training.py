import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from tsgen.exceptions import TrainingDivergedError
from tsgen.nn import training
from tsgen.nn.objectives import (
    LossTerm,
    elbo_terms,
    normal_like,
    stable_posterior_terms,
)
from tsgen.nn.training import (
    BETAS,
    EarlyStopping,
    Epoch,
    History,
    Trainer,
    train,
    weighted_sum,
)


class Point(nn.Module):
    """The smallest module: one vector of weights."""

    def __init__(self, start=(1.0, -2.0)):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(start))


def pull(module, batch, generator, progress):
    """Pull the weights to the rows, with some noise."""
    target = batch[0].mean(0) + 0.1 * normal_like(module.w, generator)
    return {"pull": LossTerm((module.w - target).square().sum(), 2.0)}


def make_trainer(module, terms=pull, seed=0, **options):
    options = {
        "learning_rate": 0.1,
        "max_grad_norm": 1.0,
        "ema_decay": 0.999,
        "mixed_precision": False,
        **options,
    }
    return Trainer(module, terms, torch.Generator().manual_seed(seed), **options)


@pytest.fixture
def rows(normals):
    return (normals(23, 2),)


# one step


@pytest.mark.parametrize("decay", [0.0, 0.2, 0.999])
def test_the_moving_average_follows_its_recurrence(rows, decay):
    trainer, averages = make_trainer(Point(), ema_decay=decay), []
    for step in range(40):
        trainer.step(rows, 0.0)
        w = trainer.module.w.detach().numpy().astype(np.float64)
        share = min(decay, (1 + step) / (10 + step))
        averages.append(w if step == 0 else share * averages[-1] + (1 - share) * w)
    assert_close(
        trainer.averaged.module.w.detach().double(), torch.from_numpy(averages[-1])
    )


def test_the_moving_average_trails_the_weights(rows):
    trainer = make_trainer(Point((50.0, 50.0)))
    for _ in range(30):
        trainer.step(rows, 0.0)
    assert (trainer.averaged.module.w > trainer.module.w).all()


@pytest.mark.parametrize(("limit", "norm"), [(0.5, 0.5), (100.0, 5.0)])
def test_gradients_are_clipped_to_their_norm(rows, limit, norm):
    def slope(module, batch, generator, progress):
        return {"slope": LossTerm(3 * module.w[0] + 4 * module.w[1])}

    trainer = make_trainer(Point(), slope, max_grad_norm=limit)
    trainer.step(rows, 0.0)
    assert trainer.module.w.grad.norm().item() == pytest.approx(norm, rel=1e-5)


def test_a_step_is_one_of_adam(rows):
    def square(module, batch, generator, progress):
        return {"square": LossTerm(module.w.square().sum())}

    trainer, module = make_trainer(Point(), square, max_grad_norm=1e9), Point()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1, betas=BETAS)
    for _ in range(5):
        trainer.step(rows, 0.0)
        optimizer.zero_grad()
        module.w.square().sum().backward()
        optimizer.step()
    assert_close(trainer.module.w, module.w)


def test_gradients_of_steps_do_not_add_up(rows):
    trainer = make_trainer(Point(), max_grad_norm=1e9, learning_rate=0.0)
    norms = []
    for _ in range(3):
        trainer.step(rows, 0.0)
        norms.append(trainer.module.w.grad.norm().item())
    assert max(norms) < 2 * min(norms)


def test_a_step_reports_its_terms_and_their_weighted_sum(rows):
    values = make_trainer(Point()).step(rows, 0.0)
    assert set(values) == {"pull", "loss"}
    assert values["loss"] == 2 * values["pull"]
    assert not values["loss"].requires_grad


def test_the_sum_weighs_every_term():
    terms = {"a": LossTerm(torch.tensor(2.0), 3.0), "b": LossTerm(torch.tensor(5.0))}
    assert weighted_sum(terms).item() == 11


# epochs


@pytest.mark.parametrize("batch_size", [1, 2, 4, 5, 7, 12, 23, 100])
def test_batches_partition_the_rows_evenly(batch_size):
    sizes, seen = [], []

    def watch(module, batch, generator, progress):
        sizes.append(len(batch[0]))
        seen.extend(batch[0][:, 0].tolist())
        assert torch.equal(batch[0], batch[1])
        return {"zero": LossTerm(0 * module.w.sum())}

    rows = torch.arange(23.0)[:, None]
    list(
        train(
            make_trainer(Point(), watch),
            (rows, rows),
            batch_size=batch_size,
            max_iter=1,
        )
    )
    assert sorted(seen) == list(range(23))
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(batch_size, 23)
    assert max(sizes) < 2 * batch_size


def test_rows_come_in_a_new_order_every_epoch():
    orders = []

    def watch(module, batch, generator, progress):
        orders.append(batch[0][:, 0].tolist())
        return {"zero": LossTerm(0 * module.w.sum())}

    rows = (torch.arange(23.0)[:, None],)
    list(train(make_trainer(Point(), watch), rows, batch_size=23, max_iter=3))
    assert len({tuple(order) for order in orders}) == 3


def test_progress_runs_from_0_towards_1(rows):
    progresses = []

    def watch(module, batch, generator, progress):
        progresses.append(progress)
        return {"zero": LossTerm(0 * module.w.sum())}

    list(train(make_trainer(Point(), watch), rows, batch_size=5, max_iter=5))
    assert progresses == pytest.approx([step / 20 for step in range(20)])


def test_an_epoch_records_the_mean_of_its_steps(rows):
    values = []

    def watch(module, batch, generator, progress):
        values.append(float(len(values)))
        return {"count": LossTerm(0 * module.w.sum() + values[-1], 3.0)}

    trainer = make_trainer(Point(), watch)
    first, second = train(trainer, rows, batch_size=5, max_iter=2)
    assert first == Epoch(1, {"count": 1.5}, 4.5, None)
    assert second == Epoch(2, {"count": 5.5}, 16.5, None)


def test_training_starts_when_the_first_record_is_asked_for(rows):
    trainer = make_trainer(Point())
    epochs = train(trainer, rows, batch_size=5, max_iter=3)
    assert trainer.n_epochs == 0
    next(epochs)
    assert trainer.n_epochs == 1


def test_weights_of_the_last_whole_epoch_are_kept(rows):
    trainer = make_trainer(Point())
    next(train(trainer, rows, batch_size=5, max_iter=3))
    kept = trainer.last_averaged["w"].clone()
    assert torch.equal(kept, trainer.averaged.module.w)
    trainer.step(rows, 0.0)
    assert torch.equal(trainer.last_averaged["w"], kept)


def test_decay_brings_the_learning_rate_near_zero_along_a_cosine(rows):
    trainer, rates = make_trainer(Point()), []

    def watch(module, batch, generator, progress):
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        return pull(module, batch, generator, progress)

    trainer.loss_terms = watch
    list(train(trainer, rows, batch_size=5, max_iter=25, decay=True))
    wanted = 0.05 * (1 + np.cos(np.pi * np.arange(100) / 100))
    assert rates == pytest.approx(wanted.tolist())
    assert rates[-1] < 1e-3 * rates[0]


def test_without_decay_the_learning_rate_stays(rows):
    trainer = make_trainer(Point())
    list(train(trainer, rows, batch_size=5, max_iter=3))
    assert trainer.optimizer.param_groups[0]["lr"] == 0.1


def test_training_finds_the_mean_of_the_rows(rows):
    trainer = make_trainer(Point(), ema_decay=0.9, learning_rate=0.05)
    list(train(trainer, rows, batch_size=8, max_iter=300, decay=True))
    assert (trainer.averaged.module.w - rows[0].mean(0)).norm() < 0.1


# evaluation


def test_evaluation_is_deterministic_and_leaves_the_generator_alone(rows):
    trainer = make_trainer(Point())
    trainer.step(rows, 0.0)
    before = trainer.generator.get_state()
    assert trainer.evaluate([rows]) == trainer.evaluate([rows])
    assert torch.equal(trainer.generator.get_state(), before)


def test_evaluation_leaves_module_and_average_unchanged(make_model, normals):
    trainer = make_trainer(make_model(posterior="gaussian"), elbo)
    before = deepcopy((trainer.module.state_dict(), trainer.averaged.state_dict()))
    trainer.evaluate([(normals(8, 5, 2),)])
    after = (trainer.module.state_dict(), trainer.averaged.state_dict())
    assert_close(after, before, rtol=0, atol=0)


def test_evaluation_uses_the_average_at_the_end_of_training(rows):
    asked = []

    def watch(module, batch, generator, progress):
        asked.append((module, progress))
        return {"w": LossTerm(module.w.sum())}

    trainer = make_trainer(Point(), watch)
    trainer.evaluate([rows])
    assert asked == [(trainer.averaged.module, 1.0)]


def test_evaluation_weighs_batches_by_their_rows():
    def mean(module, batch, generator, progress):
        return {"mean": LossTerm(batch[0].mean())}

    rows = torch.arange(10.0)[:, None]
    loss = make_trainer(Point(), mean).evaluate([(rows[:7],), (rows[7:],)])
    assert loss == pytest.approx(4.5)


def test_evaluation_does_not_disturb_training(rows):
    watched, alone = make_trainer(Point()), make_trainer(Point())
    options = {"batch_size": 5, "max_iter": 4}
    list(train(watched, rows, validation_data=rows, **options))
    list(train(alone, rows, **options))
    assert torch.equal(watched.module.w, alone.module.w)


def test_the_validation_loss_is_that_of_the_rows_held_out(rows, normals):
    trainer, held_out = make_trainer(Point()), (normals(9, 2, seed=1),)
    *_, last = train(trainer, rows, batch_size=5, max_iter=2, validation_data=held_out)
    assert last.validation_loss == trainer.evaluate([held_out])


def test_held_out_rows_move_to_the_device_of_the_trainer(rows, monkeypatch):
    """The meta device stands for one that the rows are not on."""
    devices = []

    class Elsewhere(Trainer):
        device = torch.device("meta")

        def evaluate(self, batches):
            devices.extend(part.device.type for batch in batches for part in batch)
            return 0.0

    trainer = make_trainer(Point())
    trainer.__class__ = Elsewhere
    monkeypatch.setattr(training, "_shuffled", lambda *_: [rows])
    monkeypatch.setattr(Trainer, "_terms", lambda self, *args: pull(*args))
    list(train(trainer, rows, batch_size=23, max_iter=1, validation_data=rows))
    assert devices == ["meta"]


# divergence


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (1e4, "1e+04"),
        (-1e4, "-1e+04"),
    ],
)
def test_a_term_that_runs_away_stops_training(rows, value, named):
    def bad(module, batch, generator, progress):
        return {"good": LossTerm(module.w.sum()), "bad": LossTerm(module.w[0] * value)}

    epochs = train(make_trainer(Point(), bad), rows, batch_size=23, max_iter=3)
    with pytest.raises(TrainingDivergedError, match="epoch 1: the term 'bad'") as error:
        next(epochs)
    assert f"reached {named} " in str(error.value)


def test_divergence_keeps_the_weights_of_the_epoch_before(rows):
    poisoned = []

    def bad(module, batch, generator, progress):
        factor = math.nan if poisoned else 1.0
        return {"term": LossTerm(factor * module.w.square().sum())}

    trainer = make_trainer(Point(), bad)
    epochs = train(trainer, rows, batch_size=23, max_iter=3)
    next(epochs)
    kept = trainer.last_averaged["w"].clone()
    poisoned.append(True)
    with pytest.raises(TrainingDivergedError, match="epoch 2"):
        next(epochs)
    assert torch.equal(trainer.last_averaged["w"], kept)


# going on

STABLE = {
    "gamma": 2.0,
    "alpha": 1.0,
    "eta": 1.0,
    "n_inference_levels": 3,
    "n_collapse_levels": 3,
    "collapse_penalty": "step",
    "variable_masking": 0.3,
}


def alone(batch):
    """Series of a batch, and conditions of no width."""
    return batch[0], batch[0][:, 0, :0]


def stable(model, batch, generator, progress):
    return stable_posterior_terms(model, *alone(batch), generator, **STABLE)


def elbo(model, batch, generator, progress):
    options = {"kl_weight": 0.1, "variable_masking": 0.3}
    return elbo_terms(model, *alone(batch), generator, **options)


OBJECTIVES = {"deterministic": stable, "gaussian": elbo}


@pytest.fixture
def trainer_of(make_model):
    def make(posterior, backbone="lstm", seed=0):
        model = make_model(
            seed=seed, posterior=posterior, backbone=backbone, dropout=0.2
        )
        return make_trainer(model, OBJECTIVES[posterior], seed, learning_rate=1e-3)

    return make


@pytest.mark.parametrize("posterior", OBJECTIVES)
@pytest.mark.parametrize("backbone", ["lstm", "transformer"])
def test_three_and_three_epochs_equal_six(trainer_of, normals, posterior, backbone):
    data = (normals(20, 5, 2),)
    whole, half = trainer_of(posterior, backbone), trainer_of(posterior, backbone)
    records = list(train(whole, data, batch_size=8, max_iter=6))
    first = list(train(half, data, batch_size=8, max_iter=3))
    resumed = trainer_of(posterior, backbone, seed=1)
    resumed.load_state_dict(deepcopy(half.state_dict()))
    second = list(train(resumed, data, batch_size=8, max_iter=3))
    assert first + second == records
    assert_close(resumed.last_averaged, whole.last_averaged, rtol=0, atol=0)
    assert_close(resumed.module.state_dict(), whole.module.state_dict(), rtol=0, atol=0)


def test_a_resumed_trainer_keeps_the_weights_it_goes_on_from(rows):
    """So that an interruption of its first epoch loses nothing."""
    trainer, resumed = make_trainer(Point()), make_trainer(Point((9.0, 9.0)))
    list(train(trainer, rows, batch_size=5, max_iter=2))
    resumed.load_state_dict(trainer.state_dict())
    assert torch.equal(resumed.last_averaged["w"], trainer.last_averaged["w"])


def test_trainers_that_go_on_from_one_state_do_not_disturb_each_other(rows):
    trainer = make_trainer(Point())
    list(train(trainer, rows, batch_size=5, max_iter=2))
    first, second = make_trainer(Point()), make_trainer(Point())
    for resumed in (first, second):
        resumed.load_state_dict(trainer.state_dict())
    for resumed in (first, second):
        list(train(resumed, rows, batch_size=5, max_iter=2))
    assert torch.equal(second.module.w, first.module.w)


# early stopping and history


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        ([3.0, 2.0, 1.0, 0.0], [False, False, False, False]),
        ([1.0, 1.0, 1.0], [False, False, True]),
        ([1.0, 2.0, 0.5, 1.0, 1.0], [False, False, False, False, True]),
        ([1.0, 0.95, 0.92], [False, False, True]),
        ([1.0, 0.8, 0.75, 0.6], [False, False, False, False]),
        ([math.nan, math.nan], [False, True]),
    ],
)
def test_training_stops_after_two_epochs_without_a_fall(losses, stops):
    stopping = EarlyStopping(patience=2, tol=0.1)
    assert [stopping.update(loss, {}) for loss in losses] == stops


def test_the_best_weights_are_remembered():
    stopping = EarlyStopping(patience=5, tol=0.1)
    for index, loss in enumerate([3.0, 1.0, 2.0, 0.95, 4.0]):
        stopping.update(loss, {"w": torch.tensor(index)})
    assert stopping.best == 0.95
    assert stopping.best_weights["w"] == 3


def test_remembered_weights_do_not_move_with_training(rows):
    trainer, stopping = make_trainer(Point()), EarlyStopping(2, 0.0)
    epochs = train(trainer, rows, batch_size=5, max_iter=2)
    next(epochs)
    stopping.update(1.0, trainer.last_averaged)
    kept = stopping.best_weights["w"].clone()
    next(epochs)
    assert torch.equal(stopping.best_weights["w"], kept)


def test_the_history_has_a_column_for_every_term():
    history = History()
    history.add(Epoch(1, {"a": 1.0, "b": 2.0}, 3.0, None))
    history.add(Epoch(2, {"a": 0.5, "b": 1.0}, 1.5, None))
    history.add(Epoch(1, {"a": 7.0}, 7.0, 8.0), prefix="prior_")
    assert history.columns == {
        "a": [1.0, 0.5],
        "b": [2.0, 1.0],
        "loss": [3.0, 1.5],
        "prior_a": [7.0],
        "prior_loss": [7.0],
        "prior_validation_loss": [8.0],
    }


def test_a_history_goes_on_from_columns_without_changing_them():
    columns = {"loss": [1.0]}
    history = History(columns)
    history.add(Epoch(2, {}, 0.5, None))
    assert history.columns["loss"] == [1.0, 0.5]
    assert columns == {"loss": [1.0]}
