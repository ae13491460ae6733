"""The contract of the generators: what holds for every class on any data."""

import hashlib
import pickle
import sys
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import estimator_checks_generator

import tsgen
from tests.conftest import GENERATORS, SETTINGS, TINY, TINY_DIFFUSION
from tsgen import (
    DiffusionGenerator,
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
)
from tsgen.exceptions import (
    ConstantInputWarning,
    PosteriorCollapseWarning,
    TrainingDivergedError,
)
from tsgen.generators import base
from tsgen.generators.fitting import JOINT, PRIOR
from tsgen.nn.devices import has_bfloat16
from tsgen.nn.training import Trainer

ESTIMATORS = [make(**own) for make, own in GENERATORS.values()]
CHECKS = [
    pytest.param(
        estimator, check, id=f"{type(estimator).__name__}-{check.func.__name__}"
    )
    for prototype in ESTIMATORS
    for estimator, check in estimator_checks_generator(prototype, legacy=True)
]


class TestScikitLearn:
    def test_more_than_forty_checks_are_run_on_each_class(self):
        assert len(CHECKS) > 120

    @pytest.mark.foreign_draws
    @pytest.mark.parametrize(("estimator", "check"), CHECKS)
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
    def test_it_passes_every_check_of_scikit_learn(self, estimator, check):
        check(clone(estimator))

    def test_a_clone_keeps_nothing_fitted(self, make_generator, X):
        with pytest.raises(NotFittedError):
            clone(make_generator().fit(X)).sample()

    def test_grid_search_runs_over_gamma_and_alpha(self, X):
        make, own = GENERATORS["stable"]
        grid = {"gamma": [0.5, 2.0], "alpha": [0.0, 1.0]}
        search = GridSearchCV(make(**own), grid, cv=2).fit(X)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.best_estimator_.sample(3).shape == (3, 6, 2)

    @pytest.mark.filterwarnings("ignore:One or more of the test scores")
    def test_a_diverging_candidate_becomes_nan_and_the_search_goes_on(self, X):
        make, own = GENERATORS["stable"]
        grid = {"learning_rate": [1e-3, 1e8]}
        search = GridSearchCV(make(**own), grid, cv=2, error_score=np.nan)
        with pytest.warns(FitFailedWarning, match="2 fits failed"):
            search.fit(X)
        assert_array_equal(
            np.isnan(search.cv_results_["mean_test_score"]), [False, True]
        )


class TestSample:
    def test_it_has_the_shape_and_dtype_of_the_training_series(self, make_generator, X):
        for dtype in (np.float64, np.float32):
            series = make_generator().fit(X.astype(dtype)).sample(3)
            assert series.shape == (3, 6, 2)
            assert series.dtype == dtype

    def test_two_axes_in_give_two_axes_out(self, make_generator, X):
        assert make_generator().fit(X[:, :, 0]).sample(3).shape == (3, 6)

    def test_none_of_zero_series(self, make_generator, X):
        assert make_generator().fit(X).sample(0).shape == (0, 6, 2)

    @pytest.mark.parametrize("sampler", ["dpm", "ddim", "ancestral"])
    def test_few_are_the_first_of_many(self, make_generator, X, sampler):
        generator = make_generator(sampler=sampler).fit(X)
        head = generator.sample(20)[:7]
        assert_allclose(generator.sample(7), head, rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize("sampler", ["dpm", "ddim", "ancestral"])
    def test_it_does_not_depend_on_the_size_of_a_pass(
        self, make_generator, X, sampler, monkeypatch
    ):
        generator = make_generator(sampler=sampler).fit(X)
        at_once = generator.sample(20)
        monkeypatch.setattr(base, "MAX_ROWS", 3)
        assert_allclose(generator.sample(20), at_once, rtol=1e-4, atol=1e-3)

    def test_one_seed_gives_one_set_of_bits(self, make_generator, X):
        first, again = (make_generator().fit(X).sample(5) for _ in range(2))
        assert_array_equal(first, again)

    def test_seeds_given_to_sample_differ(self, make_generator, X):
        generator = make_generator().fit(X)
        first, other = (generator.sample(5, random_state=seed) for seed in (1, 2))
        assert not np.array_equal(first, other)

    def test_without_a_seed_every_call_is_fresh(self, make_generator, X):
        generator = make_generator(random_state=None).fit(X)
        assert not np.array_equal(generator.sample(5), generator.sample(5))

    @pytest.mark.parametrize("bad", [-1, 2.0, "3", True, None])
    def test_a_bad_number_of_series_is_refused(self, make_generator, X, bad):
        with pytest.raises(
            (TypeError, ValueError), match="n_samples must be an integer"
        ):
            make_generator().fit(X).sample(bad)

    def test_values_stay_near_the_range_of_the_training_series(self, make_generator, X):
        series = make_generator().fit(X).sample(500)
        low, high = X.min((0, 1)), X.max((0, 1))
        margin = 0.51 * (high - low)
        assert (series >= low - margin).all()
        assert (series <= high + margin).all()

    @pytest.mark.parametrize(
        "option", [{"sampler": "Ancestral"}, {"n_sampling_steps": 0}], ids=str
    )
    def test_an_option_set_wrong_after_fit_is_named(self, make_generator, X, option):
        generator = make_generator().fit(X).set_params(**option)
        with pytest.raises(ValueError, match=next(iter(option))):
            generator.sample()

    def test_more_steps_than_the_fitted_levels_are_refused(self, make_generator, X):
        generator = make_generator().fit(X).set_params(n_levels=50, n_sampling_steps=30)
        with pytest.raises(ValueError, match="at most n_levels = 20"):
            generator.sample()

    def test_a_network_option_set_after_fit_waits_for_the_next(self, make_generator, X):
        generator = make_generator().fit(X)
        before = generator.sample(3)
        generator.set_params(hidden_size=16, n_layers=2, prediction="epsilon")
        assert_array_equal(generator.sample(3), before)
        again = pickle.loads(pickle.dumps(generator))
        assert_array_equal(again.sample(3), before)

    def test_the_full_chain_visits_every_level(self, make_generator, X, monkeypatch):
        generator = make_generator(sampler="ddim", n_sampling_steps=20).fit(X)
        visited = set()
        predict = generator.model_.predict_clean

        def record(z, level, condition=None):
            visited.update(level.tolist())
            return predict(z, level, condition)

        monkeypatch.setattr(generator.model_, "predict_clean", record)
        generator.sample(200)
        assert visited == set(range(1, 21))


class TestData:
    @pytest.mark.parametrize(
        "change",
        [
            np.asfortranarray,
            lambda X: X[::-1].copy()[::-1],
            lambda X: np.repeat(X, 2, axis=1)[:, ::2],
            lambda X: X.astype(">f8"),
            lambda X: X.tolist(),
            lambda X: X.astype(object),
        ],
        ids=["fortran", "negative strides", "strided", "big-endian", "list", "object"],
    )
    def test_the_layout_of_the_series_changes_nothing(self, make_generator, X, change):
        expected = make_generator().fit(X).sample(3)
        assert_array_equal(make_generator().fit(change(X)).sample(3), expected)

    def test_no_method_changes_the_series(self, make_generator, X):
        X = X.copy()
        before = hashlib.sha256(X).hexdigest()
        generator = make_generator().fit(X)
        generator.score(X)
        if hasattr(generator, "transform"):
            generator.transform(X)
            generator.dependency(X)
        assert hashlib.sha256(X).hexdigest() == before

    @pytest.mark.parametrize("factor", [1e-30, 1e-6, 1e6, 1e30])
    def test_samples_follow_the_unit_and_the_offset(self, make_generator, X, factor):
        expected = make_generator().fit(X).sample(4) * factor + 3 * factor
        moved = make_generator().fit(X * factor + 3 * factor).sample(4)
        assert_allclose(moved, expected, rtol=1e-4, atol=1e-4 * factor)

    @pytest.mark.parametrize("factor", [1e300 / 110, 1e-305])
    def test_extreme_magnitudes_give_finite_samples(self, make_generator, X, factor):
        assert np.isfinite(make_generator().fit(X * factor).sample(4)).all()

    def test_a_constant_channel_comes_back_as_that_constant(self, make_generator, X):
        X = np.concatenate([X, np.full((40, 6, 1), 0.1)], axis=2)
        generator = make_generator().fit(X)
        assert_allclose(generator.sample(4)[:, :, 2], 0.1, rtol=1e-6)
        assert np.isfinite(generator.score(X))

    def test_constant_series_warn_and_come_back(self, make_generator):
        X = np.full((10, 6, 2), 7.25)
        with pytest.warns(ConstantInputWarning, match="nothing to learn"):
            generator = make_generator().fit(X)
        assert_allclose(generator.sample(3), 7.25, rtol=1e-6)

    def test_equal_series_warn_and_come_back(self, make_generator, X):
        with pytest.warns(ConstantInputWarning, match="All series of X are equal"):
            generator = make_generator().fit(np.repeat(X[:1], 10, axis=0))
        assert_allclose(generator.sample(3), np.repeat(X[:1], 3, axis=0), rtol=1e-6)

    @pytest.mark.parametrize(
        ("change", "options"),
        [
            (np.ones_like, {}),
            (lambda X: np.repeat(X[:1], 10, axis=0), {}),
            (np.copy, {"early_stopping": True}),
        ],
        ids=["constant", "equal", "not settled"],
    )
    def test_warnings_point_at_the_line_that_fits(
        self, make_generator, X, change, options
    ):
        with pytest.warns((ConstantInputWarning, ConvergenceWarning)) as caught:
            make_generator(**options).fit(change(X))
        assert {warning.filename for warning in caught} == {__file__}

    def test_one_series_is_refused(self, make_generator, X):
        with pytest.raises(ValueError, match="n_samples = 1"):
            make_generator().fit(X[:1])

    def test_values_repeat_exactly_where_those_of_training_do(
        self, make_latent_generator, X
    ):
        """Latents are those of training: a prior of two epochs gives others."""
        X = np.stack([X[:, [0] * 6, 0], X[:, :, 1]], axis=2)
        generator = make_latent_generator(max_iter=300, learning_rate=0.01).fit(X)
        latents = np.repeat(generator.transform(X), 5, axis=0)
        synthetic = generator.inverse_transform(latents, noise=True)
        repeats = (synthetic[:, 1:] == synthetic[:, :-1]).mean(axis=(0, 1))
        assert repeats[0] > 0.9
        assert repeats[1] < 0.05

    def test_series_of_one_step_are_learned(self, make_generator, X):
        generator = make_generator().fit(X[:, :1])
        assert generator.sample(3).shape == (3, 1, 2)

    @pytest.mark.parametrize("method", ["score", "score_samples"])
    def test_a_wrong_number_of_channels_is_named(self, make_generator, X, method):
        generator = make_generator().fit(X)
        with pytest.raises(ValueError, match="n_channels = 1"):
            getattr(generator, method)(X[:, :, :1])

    @pytest.mark.parametrize("method", ["fit", "score", "score_samples"])
    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_values_that_are_not_finite_are_found(self, make_generator, X, method, bad):
        generator = make_generator().fit(X)
        X = X.copy()
        X[3, 2, 1] = bad
        with pytest.raises(ValueError, match=r"\(3, 2, 1\)"):
            getattr(generator, method)(X)

    def test_series_of_other_units_are_refused_by_score(self, make_generator, X):
        with pytest.raises(ValueError, match="Check its units"):
            make_generator().fit(X).score(X * 1e9)


class TestTraining:
    def test_every_loss_term_is_recorded_per_epoch(self, make_latent_generator, X):
        generator = make_latent_generator(max_iter=3, prior_max_iter=2).fit(X)
        own = (
            {"variational_inference", "collapse_simulation"}
            if isinstance(generator, StablePosteriorGenerator)
            else {"reconstruction", "kl"}
        )
        lengths = {name: len(column) for name, column in generator.history_.items()}
        first = dict.fromkeys(own | {"denoising", "loss"}, 3)
        assert lengths == {**first, "prior_denoising": 2, "prior_loss": 2}
        assert generator.n_iter_ == 3

    def test_a_diffusion_of_the_series_has_one_term_and_one_stage(self, X):
        history = (
            DiffusionGenerator(**{**TINY_DIFFUSION, "max_iter": 3}).fit(X).history_
        )
        assert list(history) == ["denoising", "loss"]
        assert history["denoising"] == history["loss"]
        assert len(history["loss"]) == 3

    def test_the_information_bound_is_recorded(self, X):
        options = {**TINY, "max_iter": 3, "mutual_information": 0.5}
        history = LatentDiffusionGenerator(**options).fit(X).history_
        bound = np.array(history["mutual_information"])
        assert len(bound) == 3
        assert (bound <= np.log(20) / 12).all()  # two batches of series of 6 x 2
        terms = sum(np.array(history[n]) for n in ("reconstruction", "kl", "denoising"))
        assert_allclose(history["loss"], terms - 0.5 * bound, rtol=1e-5)

    def test_the_loss_falls(self, make_generator, X):
        history = make_generator(max_iter=30).fit(X).history_
        assert history["loss"][-1] < history["loss"][0]

    def test_early_stopping_ends_when_the_held_out_loss_stays(self, make_generator, X):
        generator = make_generator(
            early_stopping=True, max_iter=50, tol=100.0, n_iter_no_change=3
        ).fit(X)
        assert generator.n_iter_ == 4
        assert len(generator.history_["validation_loss"]) == 4

    def test_early_stopping_warns_when_it_never_stopped(self, make_generator, X):
        with pytest.warns(ConvergenceWarning, match="max_iter=2"):
            generator = make_generator(early_stopping=True).fit(X)
        assert np.isfinite(generator.sample(3)).all()

    def test_what_only_held_out_series_have_is_in_range(self, make_latent_generator, X):
        X = X.copy()
        X[1:, :, 1] = np.nan
        for seed in range(5):
            generator = make_latent_generator(
                missing="mask", early_stopping=True, random_state=seed, max_iter=1
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                generator.fit(X)
            assert np.isfinite(generator.sample(3)).all()

    def test_early_stopping_needs_a_series_to_hold_out(self, make_generator, X):
        with pytest.raises(ValueError, match="early_stopping needs"):
            make_generator(early_stopping=True).fit(X[:2])

    def test_a_refused_early_stopping_leaves_the_fit_before(self, make_generator, X):
        generator = make_generator().fit(X)
        before = generator.sample(3)
        generator.set_params(early_stopping=True, validation_fraction=0.99)
        with pytest.raises(ValueError, match="early_stopping needs"):
            generator.fit(X[:10])
        assert_array_equal(generator.sample(3), before)

    def test_a_warm_start_goes_on_as_if_never_interrupted(self, make_generator, X):
        at_once = make_generator(max_iter=6, warm_start=True).fit(X)
        halves = make_generator(max_iter=3, warm_start=True).fit(X).fit(X)
        assert halves.n_iter_ == 6
        assert_array_equal(halves.sample(4), at_once.sample(4))

    def test_a_warm_start_goes_on_at_the_rate_that_is_set(self, make_generator, X):
        generator = make_generator(warm_start=True).fit(X)
        before = generator._training_state.trainer["module"]
        generator.set_params(learning_rate=1e-12).fit(X)
        after = generator._training_state.trainer["module"]
        for name, _ in generator.model_.named_parameters():
            assert_allclose(after[name], before[name], atol=1e-6)

    def test_a_warm_start_goes_on_after_pickling(self, make_generator, X):
        at_once = make_generator(max_iter=6, warm_start=True).fit(X)
        half = make_generator(max_iter=3, warm_start=True).fit(X)
        whole = pickle.loads(pickle.dumps(half)).fit(X)
        assert_array_equal(whole.sample(4), at_once.sample(4))

    def test_the_rate_falls_unless_a_warm_start_may_go_on(self, make_generator, X):
        falling, constant = (
            make_generator(max_iter=6, warm_start=warm).fit(X).sample(4)
            for warm in (False, True)
        )
        assert not np.allclose(falling, constant)

    @pytest.mark.parametrize(
        ("n_series", "joint", "prior"),
        [
            (10, (16, 200), (64, 500)),
            (640, (20, 32), (64, 400)),
            (1280, (40, 40), (64, 200)),
            (6400, (64, 16), (64, 40)),
            (9**7, (64, 1), (64, 1)),
        ],
    )
    def test_auto_takes_a_minibatch_for_each_series_within_bounds(
        self, n_series, joint, prior
    ):
        assert JOINT.plan("auto", "auto", n_series) == joint
        assert PRIOR.plan("auto", "auto", n_series) == prior

    def test_a_plan_takes_what_is_asked_for(self):
        assert JOINT.plan(8, 7, 640) == (8, 7)
        assert JOINT.plan(8, "auto", 6400) == (8, 2)
        assert JOINT.plan("auto", 7, 640) == (20, 7)

    def test_levels_of_inference_are_those_of_the_fit(self, X):
        make, own = GENERATORS["stable"]
        generator = make(**own).fit(X)
        samples, score = generator.sample(3), generator.score(X)
        shares = generator.dependency(X).global_
        generator.set_params(n_inference_levels=20)
        assert_array_equal(generator.sample(3), samples)
        assert generator.score(X) == score
        assert_array_equal(generator.dependency(X).global_, shares)
        longer = make(**own, warm_start=True).fit(X).set_params(n_inference_levels=20)
        assert int(longer.fit(X).model_.last_level) == 20

    def test_a_warm_start_refuses_series_of_another_shape(self, make_generator, X):
        generator = make_generator(warm_start=True).fit(X)
        with pytest.raises(ValueError, match="got another shape"):
            generator.fit(X[:, :5])

    def test_a_warm_start_refuses_columns_in_another_order(self, make_generator, X):
        frames = {k: pd.DataFrame(x, columns=["a", "b"]) for k, x in enumerate(X)}
        frame = pd.concat(frames)
        generator = make_generator(warm_start=True).fit(frame)
        with pytest.raises(ValueError, match="columns of fit in their order"):
            generator.fit(frame[["b", "a"]])

    def test_a_warm_start_refuses_another_scale(self, make_generator, X):
        generator = make_generator(warm_start=True).fit(X)
        before = generator.sample(2, random_state=0)
        with pytest.raises(ValueError, match="X must resemble the training series"):
            generator.fit(1e9 * X)
        assert_array_equal(generator.sample(2, random_state=0), before)
        assert generator.fit(X).n_iter_ > generator.max_iter

    def test_a_warm_start_refuses_another_network(self, make_generator, X):
        generator = make_generator(warm_start=True).fit(X)
        generator.set_params(hidden_size=16, noise_schedule="linear")
        with pytest.raises(ValueError, match="got another noise_schedule, hidden_size"):
            generator.fit(X)
        assert generator.sample(2).shape == (2, 6, 2)

    @pytest.mark.parametrize("bad", [np.zeros((1, 5, 2)), np.zeros((9, 5)) * np.nan])
    def test_a_refused_fit_changes_nothing(self, make_generator, X, bad):
        generator = make_generator().fit(X)
        before = generator.sample(3)
        with pytest.raises(ValueError, match="X"):
            generator.fit(bad)
        assert_array_equal(generator.sample(3), before)

    def test_a_second_fit_does_not_depend_on_the_first(self, make_generator, X):
        expected = make_generator().fit(X).sample(3)
        assert_array_equal(make_generator().fit(X[:9] * 2).fit(X).sample(3), expected)

    def test_a_huge_step_raises_and_leaves_it_unfitted(self, make_generator, X):
        generator = make_generator().fit(X)
        with pytest.raises(TrainingDivergedError, match="Lower learning_rate"):
            generator.set_params(learning_rate=1e8).fit(X)
        with pytest.raises(NotFittedError):
            generator.sample()

    def test_the_printed_penalty_diverges_with_a_clear_error(self, X):
        make, own = GENERATORS["stable"]
        options = {**own, "max_iter": 400, "learning_rate": 0.1}
        generator = make(**options, collapse_penalty="printed")
        with pytest.raises(TrainingDivergedError, match="collapse_penalty"):
            generator.fit(X)

    @pytest.mark.parametrize("backend", ["threading", "loky"])
    def test_parallel_fits_equal_serial_ones(self, make_generator, X, backend):
        def job(seed):
            return make_generator(random_state=seed).fit(X).sample(3)

        serial = [job(seed) for seed in range(4)]
        generators = [make_generator(random_state=seed) for seed in range(4)]
        parallel = Parallel(n_jobs=2, backend=backend)(
            delayed(_fit_and_sample)(generator, X) for generator in generators
        )
        for expected, series in zip(serial, parallel, strict=True):
            assert_allclose(series, expected, rtol=1e-5)

    def test_mixed_precision_trains_to_finite_samples(self, make_generator, X):
        generator = make_generator(mixed_precision=True).fit(X)
        assert np.isfinite(generator.sample(5)).all()


def without_second_stage(generator):
    """Turn the second stage off where there is one."""
    if hasattr(generator, "prior_max_iter"):
        generator.set_params(prior_max_iter=0)
    return generator


def _fit_and_sample(generator, X):
    return generator.fit(X).sample(3)


class TestInterruption:
    @staticmethod
    def interrupt_at_step(monkeypatch, number):
        steps = iter(range(10**6))
        step = Trainer.step

        def interrupted(self, *args):
            if next(steps) == number:
                raise KeyboardInterrupt
            return step(self, *args)

        monkeypatch.setattr(Trainer, "step", interrupted)

    def test_it_keeps_the_last_finished_epoch(self, make_generator, X, monkeypatch):
        constant = {"warm_start": True}  # the rate does not fall towards the end
        whole = without_second_stage(make_generator(max_iter=2, **constant)).fit(X)
        generator = make_generator(max_iter=9, **constant)
        self.interrupt_at_step(monkeypatch, 5)  # two batches an epoch
        with pytest.raises(KeyboardInterrupt):
            generator.fit(X)
        assert generator.n_iter_ == 2
        assert_array_equal(generator.sample(3), whole.sample(3))

    def test_before_the_first_epoch_it_stays_unfitted(
        self, make_generator, X, monkeypatch
    ):
        generator = make_generator()
        self.interrupt_at_step(monkeypatch, 1)
        with pytest.raises(KeyboardInterrupt):
            generator.fit(X)
        with pytest.raises(NotFittedError):
            generator.sample()

    def test_in_the_second_stage_it_can_still_sample(
        self, make_latent_generator, X, monkeypatch
    ):
        epochs = {"max_iter": 2, "prior_max_iter": 9}
        generator = make_latent_generator(batch_size=16, **epochs)
        self.interrupt_at_step(monkeypatch, 9)  # two batches an epoch
        with pytest.raises(KeyboardInterrupt):
            generator.fit(X)
        assert len(generator.history_["prior_loss"]) == 2
        assert np.isfinite(generator.sample(3)).all()


class TestOptions:
    OF_THE_LATENT = {
        "backbone": "transformer",
        "latent_size": 3,
        "dropout": 0.4,
        "skip_connections": True,
        "likelihood": "gaussian",
        "n_components": 1,
        "min_scale": 0.5,
        "denoiser": "unet",
        "variable_masking": 0.9,
        "prior_max_iter": 0,
        "prior_learning_rate": 0.01,
    }
    SHARED = {
        "hidden_size": 16,
        "n_layers": 2,
        "n_levels": 30,
        "noise_schedule": "linear",
        "prediction": "epsilon",
        "sampler": "ancestral",
        "n_sampling_steps": 3,
        "max_iter": 3,
        "batch_size": 7,
        "learning_rate": 0.01,
        "max_grad_norm": 1e-3,
        "ema_decay": 0.0,
        "mixed_precision": True,
        "random_state": 3,
    }

    @pytest.mark.parametrize(("name", "value"), SHARED.items())
    def test_every_option_makes_a_difference(self, make_generator, X, name, value):
        usual = make_generator().fit(X)
        other = make_generator(**{name: value}).fit(X).sample(5)
        assert np.isfinite(other).all()
        same = np.array_equal(usual.sample(5), other)
        assert same == (
            name == "mixed_precision" and not has_bfloat16(torch.device(usual.device_))
        )

    @pytest.mark.parametrize(("name", "value"), OF_THE_LATENT.items())
    def test_every_option_of_latents_makes_a_difference(
        self, make_latent_generator, X, name, value
    ):
        make = make_latent_generator
        if name == "skip_connections":
            make = partial(make_latent_generator, skip_connections=False)
        usual = make().fit(X).sample(5)
        other = make(**{name: value}).fit(X).sample(5)
        assert np.isfinite(other).all()
        assert not np.array_equal(usual, other)

    @pytest.mark.parametrize(("n_channels", "number"), [(1, 20), (6, 14), (40, 3)])
    def test_auto_gives_few_channels_more_normals(self, n_channels, number):
        make, own = GENERATORS["stable"]
        X = np.random.default_rng(0).normal(size=(20, 3, n_channels))
        generator = make(**own).set_params(n_components="auto").fit(X)
        assert generator.model_.likelihood.n_components == number

    def test_the_heads_of_the_transformer_make_a_difference(
        self, make_latent_generator, X
    ):
        one, two = (
            make_latent_generator(backbone="transformer", n_heads=n).fit(X).sample(5)
            for n in (1, 2)
        )
        assert not np.array_equal(one, two)

    def test_every_denoiser_of_series_makes_a_difference(self, X):
        samples = [
            DiffusionGenerator(**TINY_DIFFUSION, **options).fit(X).sample(5)
            for options in (
                {},
                {"denoiser": "transformer", "n_heads": 1},
                {"denoiser": "transformer", "n_heads": 2},
            )
        ]
        assert np.isfinite(samples).all()
        assert len({series.tobytes() for series in samples}) == 3

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"denoiser": "unet"}, "denoiser"),
            ({"hidden_size": 7}, "hidden_size must be even"),
            (
                {"denoiser": "transformer", "n_heads": 3},
                "hidden_size must be a multiple",
            ),
        ],
        ids=str,
    )
    def test_a_bad_option_of_the_diffusion_of_series_is_named(
        self, X, options, message
    ):
        with pytest.raises(ValueError, match=message):
            DiffusionGenerator(**{**TINY_DIFFUSION, **options}).fit(X)

    @pytest.mark.parametrize(
        ("name", "value"),
        {
            "gamma": 9.0,
            "alpha": 5.0,
            "eta": 1.5,
            "n_inference_levels": 9,
            "n_collapse_levels": 1,
        }.items(),
    )
    def test_every_option_of_the_stable_posterior_makes_a_difference(
        self, X, name, value
    ):
        make, own = GENERATORS["stable"]
        options = own
        usual = make(**options).fit(X).sample(5)
        other = make(**{**options, name: value}).fit(X).sample(5)
        assert not np.array_equal(usual, other)

    def test_the_forms_of_the_penalty_differ(self, X):
        make, own = GENERATORS["stable"]
        forms = ("step", "entry", "series", "kl", "printed")
        options = {**own, "max_iter": 20, "learning_rate": 0.01}
        options["likelihood"] = "gaussian"  # of which a few epochs earn a charge
        samples = [make(**options, collapse_penalty=f).fit(X).sample(3) for f in forms]
        assert len({series.tobytes() for series in samples}) == len(forms)

    @pytest.mark.parametrize(
        "options",
        [
            {"kl_weight": 0.0},
            {"kl_annealing": "monotonic"},
            {"kl_annealing": "cyclical"},
            {"mutual_information": 1.0},
            {"inverse_lipschitz": 1.0},
        ],
        ids=str,
    )
    def test_every_option_of_latent_diffusion_makes_a_difference(self, X, options):
        usual = LatentDiffusionGenerator(**TINY).fit(X).sample(5)
        other = LatentDiffusionGenerator(**TINY, **options).fit(X).sample(5)
        assert not np.array_equal(usual, other)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 1}, "batch_size"),
            ({"n_sampling_steps": 21}, "n_sampling_steps must be at most n_levels"),
            ({"device": "cuda:9"}, "seen: auto, cpu"),
            ({"device": "quantum"}, "device='auto'"),
            ({"random_state": "seed"}, "random_state"),
        ],
        ids=str,
    )
    def test_a_bad_option_is_named(self, make_generator, X, options, message):
        with pytest.raises(ValueError, match=message):
            make_generator(**options).fit(X)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"backbone": "gru"}, "backbone"),
            ({"latent_size": 0}, "latent_size"),
            ({"dropout": 1.0}, "dropout"),
            (
                {"backbone": "transformer", "n_heads": 3},
                "hidden_size must be a multiple",
            ),
        ],
        ids=str,
    )
    def test_a_bad_option_of_latents_is_named(
        self, make_latent_generator, X, options, message
    ):
        with pytest.raises(ValueError, match=message):
            make_latent_generator(**options).fit(X)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"mutual_information": -1.0}, "mutual_information"),
            ({"inverse_lipschitz": -1.0}, "inverse_lipschitz"),
            (
                {"inverse_lipschitz": 1.0, "latent_size": 9},
                "latent_size must be at most hidden_size = 8",
            ),
        ],
        ids=str,
    )
    def test_a_bad_option_of_latent_diffusion_is_named(self, X, options, message):
        with pytest.raises(ValueError, match=message):
            LatentDiffusionGenerator(**{**TINY, **options}).fit(X)

    def test_more_latents_than_features_are_usual_without_the_constraint(self, X):
        LatentDiffusionGenerator(**{**TINY, "latent_size": 9}).fit(X)

    def test_tiny_weights_of_the_kl_term_train_to_finite_samples(self, X):
        options = {**TINY, "max_iter": 30, "learning_rate": 0.01}
        generator = LatentDiffusionGenerator(**options, kl_weight=1e-6).fit(X)
        assert np.isfinite(generator.sample(50)).all()
        usual = LatentDiffusionGenerator(**options).fit(X)
        assert generator.history_["kl"][-1] > 10 * usual.history_["kl"][-1]

    @pytest.mark.parametrize("name", ["n_inference_levels", "n_collapse_levels"])
    def test_more_levels_than_there_are_is_an_error(self, X, name):
        make, own = GENERATORS["stable"]
        with pytest.raises(ValueError, match=f"{name} must be at most"):
            make(**{**own, name: 21}).fit(X)

    def test_options_of_numpy_types_are_taken(self, make_generator, X):
        options = {"hidden_size": np.int64(8), "warm_start": np.bool_(True)}
        assert make_generator(**options).fit(X).sample(2).shape == (2, 6, 2)

    def test_a_misspelt_option_is_refused(self):
        with pytest.raises(TypeError, match="gama"):
            StablePosteriorGenerator(gama=2)


class TestLatents:
    def test_transform_gives_one_latent_per_series(self, make_latent_generator, X):
        assert make_latent_generator().fit(X).transform(X).shape == (40, 4)

    def test_transform_refuses_what_fit_would(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        with pytest.raises(ValueError, match="n_channels = 1"):
            generator.transform(X[:, :, :1])
        X = X.copy()
        X[3, 2, 1] = np.nan
        with pytest.raises(ValueError, match=r"\(3, 2, 1\)"):
            generator.transform(X)

    def test_pickling_keeps_the_form_of_the_output(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X).set_output(transform="pandas")
        again = pickle.loads(pickle.dumps(generator))
        assert list(again.transform(X).columns) == list(generator.transform(X).columns)

    @pytest.mark.parametrize("ask", ["set_output", "config"])
    def test_frames_of_latents_have_a_row_for_each_series(
        self, make_latent_generator, X, ask
    ):
        labels = pd.Index([f"s{k}" for k in range(len(X))][::-1], name="who")
        frame = pd.concat(map(pd.DataFrame, X), keys=labels, names=["who", "when"])
        generator = make_latent_generator().fit(frame)
        expected = generator.transform(frame)
        assert type(expected) is np.ndarray
        if ask == "set_output":
            generator.set_output(transform="pandas")
        with config_context(transform_output="pandas" if ask == "config" else None):
            latents = generator.transform(frame)
        assert_array_equal(latents, expected)
        pd.testing.assert_index_equal(latents.index, labels)
        assert list(latents.columns) == list(generator.get_feature_names_out())

    def test_latents_of_the_stable_posterior_are_standardised(self, X):
        make, own = GENERATORS["stable"]
        Z = make(**own).fit(X).transform(X)
        assert_allclose(Z.mean(0), 0, atol=1e-4)
        assert_allclose(Z.std(0), 1, atol=1e-2)

    def test_inverse_transform_gives_series_in_their_units(
        self, make_latent_generator, X
    ):
        generator = make_latent_generator().fit(X)
        decoded = generator.inverse_transform(generator.transform(X))
        assert decoded.shape == X.shape
        assert abs(decoded[:, :, 0].mean() - 5) < 2

    def test_decoding_with_noise_follows_the_seed(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        Z = generator.transform(X)
        first, again, other, mean = (
            generator.inverse_transform(Z, noise=True, random_state=seed)
            for seed in (1, 1, 2, None)
        )
        assert_array_equal(first, again)
        assert not np.array_equal(first, other)
        assert not np.array_equal(first, generator.inverse_transform(Z))
        assert mean.shape == X.shape

    @pytest.mark.parametrize(
        "bad", [np.zeros((3, 5)), np.zeros((0, 4)), np.zeros(4), [[np.nan] * 4]]
    )
    def test_bad_latents_are_refused(self, make_latent_generator, X, bad):
        with pytest.raises(ValueError, match=r"\(n_samples, 4\)"):
            make_latent_generator().fit(X).inverse_transform(bad)


class TestScore:
    def test_an_unfitted_generator_says_so(self, make_latent_generator, X):
        with pytest.raises(NotFittedError):
            make_latent_generator().score(X)

    def test_it_is_the_mean_of_the_samples_scores(self, make_generator, X):
        generator = make_generator().fit(X)
        assert generator.score(X) == pytest.approx(generator.score_samples(X).mean())

    def test_it_is_a_density_in_the_units_of_the_series(self, make_generator, X):
        score = make_generator().fit(X).score(X)
        larger = make_generator().fit(1000 * X).score(1000 * X)
        assert larger == pytest.approx(score - 12 * np.log(1000), rel=1e-4)

    def test_what_repeats_has_a_probability_in_any_units(
        self, make_latent_generator, X
    ):
        X = np.repeat(X[:, ::2], 2, axis=1)  # 3 of 6 steps repeat, in both channels
        scores = [
            make_latent_generator().fit(unit * X).score(unit * X) for unit in (1, 1000)
        ]
        assert scores[1] == pytest.approx(scores[0] - 6 * np.log(1000), rel=1e-4)

    def test_what_recurs_has_a_probability_in_any_units(self, make_latent_generator, X):
        X = X.copy()
        X[:, ::2, 0] = 0.5  # 3 of 6 steps, in one of two channels
        scores = [
            make_latent_generator().fit(unit * X).score(unit * X) for unit in (1, 1000)
        ]
        assert scores[1] == pytest.approx(scores[0] - 9 * np.log(1000), rel=1e-4)

    def test_gaps_leave_probabilities_and_densities_what_they_are(
        self, make_latent_generator, X
    ):
        X = np.repeat(X[:, ::2], 2, axis=1)
        X[::2, 3, 0] = np.nan  # a step that repeats
        X[1::2, 2, 1] = np.nan  # a step that is repeated
        generators = [
            make_latent_generator(missing="mask").fit(unit * X) for unit in (1, 1000)
        ]
        scores = [
            g.score(unit * X) for g, unit in zip(generators, (1, 1000), strict=True)
        ]
        densities = generators[0]._has_density(generators[0]._scaled(X))
        each = float(densities.sum()) / len(X)
        assert scores[1] == pytest.approx(scores[0] - each * np.log(1000), rel=1e-4)

    def test_series_unlike_the_training_series_score_lower(self, make_generator, X):
        generator = make_generator(max_iter=60, learning_rate=0.01).fit(X)
        noise = np.random.default_rng(0).permuted(X, axis=1)
        assert generator.score(X) > generator.score(noise)


class TestWithoutLatents:
    @pytest.mark.parametrize(
        "name",
        ["transform", "inverse_transform", "dependency", "posterior_report"],
    )
    def test_a_diffusion_of_the_series_has_nothing_that_needs_a_latent(self, name):
        assert not hasattr(DiffusionGenerator(), name)

    def test_it_learns_means_and_spread(self, X):
        options = {**TINY_DIFFUSION, "hidden_size": 64, "max_iter": 300}
        series = DiffusionGenerator(**options, ema_decay=0.99).fit(X).sample(500)
        assert_allclose(series.mean(0), X.mean(0), atol=0.3 * X.std((0, 1)).max())
        assert_allclose(series.std((0, 1)), X.std((0, 1)), rtol=0.2)


class TestDependency:
    def test_there_is_a_share_for_every_series_and_step(self, make_latent_generator, X):
        found = make_latent_generator().fit(X).dependency(X)
        for share in (found.global_, found.local(1), found.completeness_error):
            assert share.shape == (40, 6)
        assert_allclose(found.global_[:, 0], 1, atol=1e-5)
        assert np.isnan(found.local(1)[:, 0]).all()
        assert np.isfinite(found.local(1)[:, 1:]).all()
        assert found.completeness_error.max() < 1e-3

    @pytest.mark.parametrize("backbone", ["lstm", "transformer"])
    @pytest.mark.parametrize("skip", [False, True])
    def test_the_shares_of_a_step_sum_to_one(
        self, make_latent_generator, X, backbone, skip
    ):
        generator = make_latent_generator(backbone=backbone, skip_connections=skip).fit(
            X
        )
        found = generator.dependency(X, max_order="all")
        assert_allclose(np.nansum(found.m, axis=2), 1, atol=1e-3)

    @pytest.mark.parametrize("backbone", ["lstm", "transformer"])
    @pytest.mark.parametrize("skip", [False, True])
    def test_a_constrained_decoder_is_measured(self, X, backbone, skip):
        generator = LatentDiffusionGenerator(
            **TINY, backbone=backbone, skip_connections=skip, inverse_lipschitz=1.0
        )
        found = generator.fit(X).dependency(X, max_order="all")
        assert_allclose(np.nansum(found.m, axis=2), 1, atol=1e-3)

    @pytest.mark.parametrize("backbone", ["lstm", "transformer"])
    def test_series_may_end_earlier(self, make_latent_generator, X, backbone):
        options = {"backbone": backbone, "missing": "mask"}
        generator = make_latent_generator(**options).fit(X)
        Z = generator.transform(X[:4])
        gappy = X[:4].copy()
        gappy[0, 1] = np.nan
        whole = generator.dependency(gappy, Z=Z).global_
        cut = [gappy[0], gappy[1][:3], gappy[2][:2], gappy[3]]
        found = generator.dependency(cut, Z=Z).global_
        for k, series in enumerate(cut):
            length = len(series)
            assert_allclose(found[k, :length], whole[k, :length], atol=1e-4)
            assert np.isnan(found[k, length:]).all()

    def test_a_series_does_not_depend_on_the_others(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        whole, head = generator.dependency(X), generator.dependency(X[:7])
        assert_allclose(head.global_, whole.global_[:7], atol=1e-4)

    def test_it_follows_the_seed(self, make_latent_generator, X):
        generator = make_latent_generator(random_state=None).fit(X)
        first, again, other = (
            generator.dependency(X[:5], random_state=seed).global_ for seed in (0, 0, 1)
        )
        assert_array_equal(first, again)
        assert not np.array_equal(first, other)
        generator.set_params(random_state=0)
        assert_array_equal(generator.dependency(X[:5]).global_, first)

    def test_latents_can_be_given(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        Z = generator.transform(X)
        given = generator.dependency(X, Z=Z).global_
        assert_array_equal(given, generator.dependency(X, Z=Z, random_state=1).global_)
        assert not np.array_equal(given, generator.dependency(X, Z=Z[::-1]).global_)

    def test_series_of_a_list_may_end_earlier(self, make_latent_generator, X):
        generator = make_latent_generator(random_state=0).fit(X)
        found = generator.dependency([X[0], X[1, :3], X[2, :1]])
        lengths = np.array([6, 3, 1])
        assert_array_equal(np.isnan(found.global_), np.arange(6) >= lengths[:, None])
        Z = generator.transform(X[:1])
        alone = generator.dependency(X[:1], Z=Z).global_
        short = generator.dependency([X[0], X[0, :3]], Z=np.repeat(Z, 2, axis=0))
        assert_allclose(short.global_[1, :3], alone[0, :3], atol=1e-5)

    def test_series_of_a_list_may_all_be_shorter(self, make_latent_generator, X):
        found = make_latent_generator().fit(X).dependency([X[0, :4], X[1, :4]])
        assert found.global_.shape == (2, 4)

    def test_shorter_series_may_be_far_from_zero(self, make_latent_generator, X):
        near, far = (
            make_latent_generator()
            .fit(X + shift)
            .dependency([X[0] + shift, X[1, :4] + shift])
            for shift in (0, 1e6)
        )
        assert_allclose(far.global_, near.global_, atol=1e-3)

    def test_masked_values_of_a_list_are_refused(self, make_latent_generator, X):
        masked = np.ma.masked_array(X[0, :4], mask=X[0, :4] > X[0, 0, 0])
        with pytest.raises(ValueError, match="must not be masked"):
            make_latent_generator().fit(X).dependency([masked, X[1]])

    def test_latents_may_be_tensors(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        Z = torch.from_numpy(generator.transform(X)).requires_grad_()
        found = generator.dependency(X, Z=Z)
        assert_array_equal(found.global_, generator.dependency(X, Z=Z.detach()).global_)

    @pytest.mark.parametrize("value", [-1, 10**6])
    def test_levels_that_do_not_exist_are_refused(self, X, value):
        make, own = GENERATORS["stable"]
        generator = make(**own).fit(X).set_params(n_inference_levels=value)
        for method in (generator.dependency, generator.posterior_report):
            with pytest.raises(ValueError, match="n_inference_levels"):
                method(X)

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            ([np.zeros((7, 2)), np.zeros((3, 2))], "at most n_timesteps = 6"),
            ([np.zeros((6, 2)), np.zeros(3)], "the same number of axes"),
            ([np.zeros((6, 1)), np.zeros((3, 1))], "fitted on n_channels = 2"),
        ],
    )
    def test_a_list_of_other_series_is_refused(
        self, make_latent_generator, X, bad, message
    ):
        with pytest.raises(ValueError, match=message):
            make_latent_generator().fit(X).dependency(bad)

    def test_nodes_at_random_come_near(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        exact = generator.dependency(X[:5])
        found = generator.dependency(X[:5], method="monte-carlo", n_nodes=999)
        assert_allclose(found.global_, exact.global_, atol=0.1)

    def test_one_channel_is_measured_in_two_axes(self, make_latent_generator, X):
        found = make_latent_generator().fit(X[:, :, 0]).dependency(X[:5, :, 0])
        assert found.global_.shape == (5, 6)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"method": "simpson"}, "method must be"),
            ({"n_nodes": 0}, "n_nodes must be an integer of at least 1"),
            ({"tol": -1}, "tol must be a positive number"),
            ({"max_order": 6}, "max_order must be at most n_timesteps - 1 = 5"),
            ({"Z": np.zeros((3, 4))}, r"shape \(40, 4\)"),
            ({"Z": np.full((40, 4), np.nan)}, "not finite"),
        ],
        ids=str,
    )
    def test_a_bad_option_is_named(self, make_latent_generator, X, options, message):
        with pytest.raises(ValueError, match=message):
            make_latent_generator().fit(X).dependency(X, **options)

    @pytest.mark.parametrize("method", ["dependency", "posterior_report"])
    def test_bad_series_are_refused(self, make_latent_generator, X, method):
        generator = make_latent_generator()
        with pytest.raises(NotFittedError):
            getattr(generator, method)(X)
        generator.fit(X)
        with pytest.raises(ValueError, match="n_channels = 3"):
            getattr(generator, method)(np.zeros((5, 6, 3)))
        with pytest.raises(ValueError, match="contains NaN"):
            getattr(generator, method)(X * np.nan)

    @pytest.mark.parametrize("method", ["dependency", "posterior_report"])
    def test_one_step_depends_on_the_latent_by_definition(
        self, make_latent_generator, X, method
    ):
        generator = make_latent_generator().fit(X[:, :1])
        with pytest.raises(ValueError, match="at least two time steps"):
            getattr(generator, method)(X[:, :1])

    def test_nothing_of_the_caller_is_changed(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        before = generator.sample(3)
        with torch.inference_mode():
            generator.dependency(X)
        generator.posterior_report(X)
        assert_array_equal(generator.sample(3), before)
        assert not any(p.requires_grad for p in generator.model_.parameters())


class TestPosteriorReport:
    def test_it_looks_at_so_many_series(self, make_latent_generator, X):
        report = make_latent_generator().fit(X).posterior_report(X, n_series=20)
        assert report.dependency.global_.shape == (20, 6)
        assert report.shuffled.global_.shape == (100, 6)  # 20 shuffles of 5 series
        assert report.kl.shape == (4,)
        assert 0 <= report.mutual_information <= report.mutual_information_limit + 0.1
        assert list(report.log_likelihood) == ["own", "permuted", "noise"]
        assert report.verdict in repr(report)

    def test_it_follows_the_seed(self, make_latent_generator, X):
        generator = make_latent_generator().fit(X)
        first, again, other = (
            generator.posterior_report(X, n_series=9, random_state=seed).first_order
            for seed in (1, 1, 2)
        )
        assert first == again
        assert first != other

    def test_a_few_series_are_enough(self, make_latent_generator, X):
        report = make_latent_generator().fit(X).posterior_report(X[:3], n_shuffles=10)
        assert report.shuffled.global_.shape == (30, 6)

    def test_one_series_is_not(self, make_latent_generator, X):
        with pytest.raises(ValueError, match="at least 2 series"):
            make_latent_generator().fit(X).posterior_report(X[:1])

    def test_the_divergence_of_the_stable_posterior_is_that_of_its_noise(self, X):
        make, own = GENERATORS["stable"]
        generator = make(**own).fit(X)
        report = generator.posterior_report(X)
        kept = float(generator.model_.alpha_bar[generator.n_inference_levels])
        v = generator.transform(X)
        mean_square = kept * (v**2).mean(axis=0)
        expected = 0.5 * (mean_square + (1 - kept) - 1) - 0.5 * np.log(1 - kept)
        assert_allclose(report.kl, expected, rtol=1e-3)

    def test_constant_series_have_no_report(self, make_latent_generator):
        with pytest.warns(ConstantInputWarning):
            generator = make_latent_generator().fit(np.ones((9, 6, 2)))
        with pytest.raises(ValueError, match="a channel that varied"):
            generator.posterior_report(np.ones((9, 6, 2)))

    def test_constant_channels_do_not_count(self, make_latent_generator, X):
        X = np.concatenate([X, np.ones_like(X)], axis=2)
        report = make_latent_generator().fit(X).posterior_report(X)
        assert np.isfinite(list(report.log_likelihood.values())).all()

    @pytest.mark.parametrize("name", ["n_series", "n_shuffles"])
    def test_a_bad_count_is_named(self, make_latent_generator, X, name):
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least"):
            make_latent_generator().fit(X).posterior_report(X, **{name: 0})


class TestCollapse:
    """The decoder is made to ignore its latent, or to read it at every step."""

    @staticmethod
    def trained(make, **options):
        rng = np.random.default_rng(0)
        phase = rng.uniform(0, 6.28, size=(300, 1, 1))
        waves = np.sin(phase + np.arange(12)[:, None] * [0.5, 0.35])
        noisy = waves + rng.normal(scale=0.05, size=waves.shape)
        fixed = {"hidden_size": 32, "max_iter": 20, "prior_max_iter": 0}
        return make(**fixed, random_state=0, **options).fit(noisy)

    def test_a_collapsed_generator_warns_and_says_what_to_try(self):
        match = "StablePosteriorGenerator"
        with pytest.warns(PosteriorCollapseWarning, match=match) as caught:
            self.trained(LatentDiffusionGenerator)
        assert caught[0].filename == __file__  # the line that fits

    def test_the_check_can_be_turned_off(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.trained(LatentDiffusionGenerator, check_collapse=False)

    def test_a_stable_posterior_does_not_warn(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.trained(StablePosteriorGenerator)

    def test_each_class_has_remedies_of_its_own(self):
        with pytest.warns(PosteriorCollapseWarning, match="Try a larger max_iter"):
            self.trained(
                StablePosteriorGenerator,
                gamma=1e6,
                variable_masking=0.0,
                skip_connections=False,
            )

    def test_it_is_part_of_the_package(self):
        assert tsgen.PosteriorCollapseWarning is PosteriorCollapseWarning

    def test_the_dependency_is_recorded_every_few_epochs(
        self, make_latent_generator, X
    ):
        history = make_latent_generator(max_iter=5, dependency_every=2).fit(X).history_
        assert history["dependency_epoch"] == [2, 4]
        names = [name for name in history if name.startswith("global_dependency_")]
        assert names == [f"global_dependency_{step}" for step in (2, 4, 5, 6)]
        assert all(len(history[name]) == 2 for name in names)
        assert np.isfinite([history[name] for name in names]).all()
        assert len(history["loss"]) == 5

    def test_recording_does_not_change_the_fit(self, make_latent_generator, X):
        usual = make_latent_generator(max_iter=4).fit(X).sample(3)
        recorded = (
            make_latent_generator(max_iter=4, dependency_every=1).fit(X).sample(3)
        )
        assert_array_equal(usual, recorded)


class TestOutput:
    def test_nothing_is_printed_by_default(self, make_generator, X, capfd):
        make_generator().fit(X).sample(3)
        assert capfd.readouterr() == ("", "")

    def test_verbose_shows_bars_on_the_error_stream(self, make_generator, X, capfd):
        make_generator(verbose=1).fit(X).sample(3)
        printed, shown = capfd.readouterr()
        assert printed == ""
        assert "fit" in shown
        assert "sample" in shown
        assert ("prior" in shown) == hasattr(make_generator(), "prior_max_iter")

    def test_verbose_names_the_extra_that_is_missing(
        self, make_generator, X, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, "tqdm", None)
        with pytest.raises(ImportError, match=r"tsgen-latent\[progress\]"):
            make_generator(verbose=1).fit(X)


def results(generator, X):
    """Everything that the networks of a fitted generator are for."""
    yield generator.sample(3)
    yield generator.score_samples(X[:3])
    if not isinstance(generator, DiffusionGenerator):
        latents = generator.transform(X[:3])
        yield from (latents, generator.inverse_transform(latents))
        yield generator.dependency(X[:2], random_state=0).global_
        yield generator.sample(2, prefix=X[:2, :3])


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
class TestSettingsOfTorch:
    def test_they_change_nothing(self, make_generator, X, setting):
        expected = list(results(make_generator().fit(X), X))
        with setting():
            found = list(results(make_generator().fit(X), X))
        for one, other in zip(found, expected, strict=True):
            assert_array_equal(one, other)

    @pytest.mark.parametrize("kind", ["latent", "diffusion"])
    def test_they_change_nothing_for_transformers(self, X, setting, kind):
        make, own = GENERATORS[kind]
        name = "denoiser" if kind == "diffusion" else "backbone"
        generator = make(**own, **{name: "transformer"})
        expected = clone(generator).fit(X).sample(3)
        with setting():
            assert_array_equal(generator.fit(X).sample(3), expected)

    def test_they_change_nothing_of_what_was_fitted_before(
        self, make_generator, X, setting, tmp_path
    ):
        generator = make_generator().fit(X)
        expected, pickled = list(results(generator, X)), pickle.dumps(generator)
        with setting():
            generator.save(tmp_path / "saved")
            loaded = type(generator).load(tmp_path / "saved", device=generator.device)
            found = list(results(pickle.loads(pickled), X))
            assert_array_equal(loaded.sample(3), expected[0])
        for one, other in zip(found, expected, strict=True):
            assert_array_equal(one, other)

    def test_a_warm_start_goes_on(self, make_generator, X, setting):
        generator = make_generator(warm_start=True).fit(X)
        expected = clone(generator).fit(X).fit(X).sample(3)
        with setting():
            assert_array_equal(generator.fit(X).sample(3), expected)


def test_samples_of_the_largest_floats_are_finite(make_generator):
    X = np.random.default_rng(0).random((30, 6, 2)) * np.float64(np.finfo("f4").max)
    series = make_generator().fit(X.astype("f4")).sample(50)
    assert series.dtype == np.float32
    assert np.isfinite(series).all()
