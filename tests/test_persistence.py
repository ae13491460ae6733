import errno
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
import zipfile
from copy import deepcopy
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

import tsgen
from tsgen import (
    DiffusionGenerator,
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
)
from tsgen.exceptions import ConstantInputWarning, InvalidModelFileError
from tsgen.persistence import MAX_TEXT
from tsgen.persistence.config import FORMAT_VERSION

TINY = {
    "hidden_size": 8,
    "latent_size": 4,
    "n_levels": 20,
    "n_sampling_steps": 4,
    "max_iter": 2,
    "prior_max_iter": 1,
    "random_state": 0,
}
FEW_LEVELS = {"n_inference_levels": 2, "n_collapse_levels": 4}
X = np.random.default_rng(0).normal([5, -2], [1, 30], (24, 6, 2))
X_NAMED = pd.DataFrame(X[:, :, 0], columns=[f"hour {i}" for i in range(6)])
X_RAGGED = [series[: 2 + k % 5] for k, series in enumerate(X)]
X_GAPPY = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
X_LONG = pd.concat(
    {
        f"patient {k}": pd.DataFrame(
            series,
            index=pd.date_range("2020-01-01", periods=len(series), tz="Europe/Rome"),
            columns=["pulse", "pressure"],
        )
        for k, series in enumerate(X_RAGGED)
    },
    names=["patient", "day"],
)
X_MIXED = X_LONG.assign(
    state=np.resize(["awake", "asleep", "asleep"], len(X_LONG)),
    dose=np.resize([1, 2, 4], len(X_LONG)),
    ward=pd.Categorical(
        np.resize(["b", "a"], len(X_LONG)), categories=["c", "b", "a"], ordered=True
    ),
)
X_STEPS = np.stack([X[:, :, 0].round(), X[:, :, 1]], axis=2)
STATIC = pd.DataFrame(
    {
        "age": np.arange(24.0),
        "ward": pd.Categorical(np.tile(["west", "east"], 12)),
        "smokes": np.arange(24) % 3 == 0,
    }
)
LABELS = {
    "text": np.repeat(["well", "sick", "dead"], 8),
    "int": np.repeat([7, -3], 12),
    "float": np.repeat([7.0, -3.0], 12),
    "bool": np.arange(24) % 2 == 0,
}


def stable(**options):
    return StablePosteriorGenerator(**{**TINY, **FEW_LEVELS, **options})


def latent(**options):
    return LatentDiffusionGenerator(**{**TINY, **options})


def diffusion(**options):
    shared = set(TINY) - {"latent_size", "prior_max_iter"}
    return DiffusionGenerator(**{name: TINY[name] for name in shared}, **options)


MAKERS = {
    "stable-lstm": lambda: (stable(), X),
    "stable-transformer": lambda: (stable(backbone="transformer", n_layers=2), X),
    "latent-lstm": lambda: (latent(skip_connections=True), X),
    "latent-transformer": lambda: (latent(backbone="transformer"), X),
    "constrained-lstm": lambda: (
        latent(inverse_lipschitz=1.0, mutual_information=0.5, skip_connections=True),
        X,
    ),
    "constrained-transformer": lambda: (
        latent(inverse_lipschitz=1.0, backbone="transformer", skip_connections=True),
        X,
    ),
    "diffusion-mlp": lambda: (diffusion(), X),
    "diffusion-transformer": lambda: (diffusion(denoiser="transformer"), X),
    "diffusion of two axes": lambda: (diffusion(sampler="ancestral"), X[:, :, 1]),
    "unet": lambda: (stable(denoiser="unet"), X),
    "ancestral": lambda: (latent(sampler="ancestral"), X),
    "two axes": lambda: (stable(), X[:, :, 1]),
    "float32": lambda: (stable(), X.astype(np.float32)),
    "data frame": lambda: (stable(), X_NAMED),
    "one constant channel": lambda: (stable(), X * [1, 0]),
    "equal series": lambda: (stable(), np.repeat(X[:1], 5, axis=0)),
    "constant": lambda: (stable(), np.full((4, 6, 1), 0.1)),
    "early stopping": lambda: (
        stable(early_stopping=True, tol=100.0, n_iter_no_change=1),
        X,
    ),
    "no second stage": lambda: (latent(prior_max_iter=0), X),
    "tensor": lambda: (stable(), torch.from_numpy(X).half()),
    "ragged list": lambda: (stable(), X_RAGGED),
    "ragged tensors": lambda: (latent(), [torch.from_numpy(x) for x in X_RAGGED]),
    "ragged long frame": lambda: (latent(), X_LONG),
    "long frame": lambda: (diffusion(), X_LONG.groupby(level=0).head(2)),
    "mixed long frame": lambda: (stable(), X_MIXED),
    "a discrete channel": lambda: (
        latent(likelihood=["discrete", "mixture"]),
        X_STEPS,
    ),
    "gaussian": lambda: (stable(likelihood="gaussian"), X),
    "labels of text": lambda: (stable(), X, {"y": LABELS["text"]}),
    "labels of int": lambda: (stable(denoiser="unet"), X, {"y": LABELS["int"]}),
    "labels of float": lambda: (latent(), X, {"y": LABELS["float"]}),
    "labels of bool": lambda: (latent(), X, {"y": LABELS["bool"]}),
    "numbers": lambda: (stable(), X, {"y": np.arange(24) / 7}),
    "equal numbers": lambda: (stable(), X, {"y": np.full(24, 0.5)}),
    "static frame": lambda: (stable(), X, {"static": STATIC}),
    "static array": lambda: (stable(), X, {"static": X[:, 0]}),
    "gaps": lambda: (latent(missing="mask"), X_GAPPY),
    "missing but no gaps": lambda: (stable(missing="mask"), X),
    "all that can be given": lambda: (
        stable(missing="mask"),
        [series[: 2 + k % 5] for k, series in enumerate(X_GAPPY)],
        {"y": LABELS["text"], "static": STATIC},
    ),
}


class Case:
    """A fitted generator, its data, the folder it was saved to, and its reload."""

    def __init__(self, name, folder):
        generator, self.X, *given = MAKERS[name]()
        self.given = given[0] if given else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConstantInputWarning)
            self.generator = generator.fit(self.X, **self.given)
        self.folder = folder / name
        self.generator.save(self.folder)
        self.loaded = type(generator).load(self.folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder, cases = tmp_path_factory.mktemp("models"), {}

    def get(name):
        if name not in cases:
            cases[name] = Case(name, folder)
        return cases[name]

    return get


@pytest.fixture(params=MAKERS)
def case(request, made):
    return made(request.param)


@pytest.fixture
def generator(made):
    return made("unet").generator


@pytest.fixture
def folder(made, tmp_path):
    """Return a copy of a saved model that a test may damage."""
    return shutil.copytree(made("unet").folder, tmp_path / "model")


def samples(generator, **given):
    return generator.sample(3, random_state=1, **given)


def assert_same(found, wanted):
    """Check that series have the same values, type and form."""
    assert type(found) is type(wanted)
    if isinstance(wanted, list):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    else:
        assert found.dtype == wanted.dtype
        assert_array_equal(found, wanted)


# Round trips


def test_a_loaded_generator_samples_the_same_series(case):
    assert_same(samples(case.loaded), samples(case.generator))


def test_a_loaded_generator_encodes_the_same_latents(case):
    if not hasattr(case.generator, "transform"):
        pytest.skip("there is no latent")
    assert_array_equal(case.loaded.transform(case.X), case.generator.transform(case.X))


def test_a_loaded_generator_scores_the_same(case):
    scores = (one.score(case.X, **case.given) for one in (case.loaded, case.generator))
    assert next(scores) == next(scores)


ASKED = {
    "labels of text": {"y": ["sick", "dead", "sick"]},
    "labels of int": {"y": -3},
    "labels of float": {"y": [7, -3, 7.0]},
    "labels of bool": {"y": True},
    "numbers": {"y": 1.5},
    "static frame": {"static": STATIC[5:8]},
    "static array": {"static": X[:3, 0]},
    "gaps": {"gaps": True},
    "ragged list": {"lengths": [2, 6, 3]},
    "ragged long frame": {"prefix": X[0, :3]},
    "all that can be given": {
        "y": "sick",
        "static": STATIC[:3],
        "lengths": 5,
        "gaps": True,
    },
}


@pytest.mark.parametrize("name", ASKED)
def test_a_loaded_generator_samples_the_same_of_what_is_asked_for(made, name):
    case, asked = made(name), ASKED[name]
    found = samples(case.loaded, **asked)
    assert_same(found, samples(case.generator, **asked))
    as_in_training = samples(case.generator)
    with pytest.raises(AssertionError):
        assert_same(found, as_in_training)


@pytest.mark.parametrize("name", LABELS)
def test_a_loaded_generator_has_the_classes_of_the_fit(made, name):
    case = made(f"labels of {name}")
    assert_array_equal(case.loaded.classes_, np.unique(LABELS[name]))
    assert case.loaded.classes_.dtype == case.generator.classes_.dtype


def test_a_loaded_generator_knows_what_the_fitted_one_did(case):
    """Saving twice the same bytes does not show it: the first may lose something."""
    loaded, generator = case.loaded, case.generator
    assert vars(loaded).keys() == vars(generator).keys()
    assert loaded.get_params() == generator.get_params()
    assert loaded._form == generator._form
    assert loaded.history_ == generator.history_
    assert loaded.n_iter_ == generator.n_iter_


def test_a_loaded_generator_can_be_saved_again_to_the_same_files(case, tmp_path):
    case.loaded.save(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(case.folder)


def test_a_loaded_generator_can_be_fitted_again(made):
    case = made("stable-lstm")
    again = StablePosteriorGenerator.load(case.folder).fit(case.X)
    assert_array_equal(samples(again), samples(case.generator))


def test_feature_names_are_kept(made):
    names = made("data frame").loaded.feature_names_in_
    assert_array_equal(names, X_NAMED.columns.to_numpy(dtype=object))


def test_every_backbone_samples_the_same_series_in_a_fresh_process(made):
    cases = [made(name) for name in list(MAKERS)[:8]]
    code = (
        "import sys, hashlib, tsgen\n"
        "for name, path in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    made = getattr(tsgen, name).load(path).sample(3, random_state=1)\n"
        "    print(hashlib.sha256(made.tobytes()).hexdigest())\n"
    )
    arguments = [(type(case.generator).__name__, str(case.folder)) for case in cases]
    found = in_child(code, *(text for pair in arguments for text in pair)).split()
    wanted = [samples(case.generator).tobytes() for case in cases]
    assert found == [hashlib.sha256(data).hexdigest() for data in wanted]


def in_child(code, *arguments):
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "random_state", [np.random.RandomState(0), np.random.default_rng(0)]
)
def test_a_random_state_that_is_no_int_is_saved_as_none(random_state, tmp_path):
    generator = latent(random_state=random_state).fit(X)
    generator.save(tmp_path / "model")
    loaded = LatentDiffusionGenerator.load(tmp_path / "model")
    assert loaded.random_state is None


def test_parameters_of_numpy_types_are_saved_as_plain_ones(tmp_path):
    options = {"max_iter": np.int64(2), "gamma": np.float32(2)}
    generator = stable(early_stopping=np.bool_(False), **options).fit(X)
    generator.save(tmp_path / "model")
    loaded = StablePosteriorGenerator.load(tmp_path / "model")
    assert loaded.get_params() == generator.get_params()


@pytest.mark.parametrize("kind", [tuple, np.array])
def test_kinds_of_channels_are_saved_as_a_list(kind, tmp_path):
    generator = latent(likelihood=kind(["discrete", "mixture"])).fit(X_STEPS)
    generator.save(tmp_path / "model")
    loaded = LatentDiffusionGenerator.load(tmp_path / "model")
    assert loaded.likelihood == ["discrete", "mixture"]


def test_the_device_asked_for_replaces_the_parameter(folder):
    assert StablePosteriorGenerator.load(folder, device="cpu").device == "cpu"


def test_a_model_saved_on_a_device_that_is_gone_loads_on_one_that_is_there(folder):
    edit_config(folder, lambda config: config["params"].update(device="cuda:7"))
    assert StablePosteriorGenerator.load(folder).device_ in ("cpu", "cuda")


def test_an_unknown_device_is_an_error_of_the_call_not_of_the_file(folder):
    with pytest.raises(ValueError, match="device must be") as caught:
        StablePosteriorGenerator.load(folder, device="toaster")
    assert not isinstance(caught.value, InvalidModelFileError)


def test_the_path_may_be_a_string(generator, tmp_path):
    generator.save(str(tmp_path / "model"))
    StablePosteriorGenerator.load(str(tmp_path / "model"))


# Pickle and copies


def dumped_by_joblib(generator, tmp_path):
    joblib.dump(generator, tmp_path / "dump")
    return joblib.load(tmp_path / "dump")


COPIES = {
    "pickle": lambda generator, _: pickle.loads(pickle.dumps(generator)),
    "deepcopy": lambda generator, _: deepcopy(generator),
    "joblib": dumped_by_joblib,
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_has_the_same_attributes_and_samples(case, copied, tmp_path):
    copy = copied(case.generator, tmp_path)
    assert vars(copy).keys() == vars(case.generator).keys()
    assert_same(samples(copy), samples(case.generator))


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_an_unfitted_generator_can_be_copied(copied, tmp_path):
    assert copied(stable(), tmp_path).get_params() == stable().get_params()


def test_a_pickle_is_hardly_larger_than_the_weights(case):
    weights = case.generator.model_.state_dict().values()
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in weights)
    assert len(pickle.dumps(case.generator)) < 1.1 * n_bytes + 100_000


# Writing


def contents(folder):
    """Return every path below a folder with its bytes; links are not followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else None
        for path in folder.rglob("*")
    }


def test_an_unfitted_generator_cannot_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        stable().save(tmp_path / "model")
    assert not contents(tmp_path)


def test_saving_writes_two_files_and_nothing_else(generator, tmp_path):
    generator.save(tmp_path / "model")
    assert set(contents(tmp_path)) == {
        "model",
        "model/config.json",
        "model/model.safetensors",
    }


def test_saving_twice_gives_the_same_bytes(generator, folder, tmp_path):
    generator.save(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)


def test_permissions_are_those_of_the_umask(generator, tmp_path):
    old = os.umask(0o027)
    try:
        generator.save(tmp_path / "model")
    finally:
        os.umask(old)
    files = [tmp_path / "model", *(tmp_path / "model").iterdir()]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in files]
    assert modes == [0o750, 0o640, 0o640]


def test_saving_replaces_a_saved_generator(made, folder):
    other = made("latent-transformer")
    other.generator.save(folder)
    assert contents(folder) == contents(other.folder)


def test_replacing_leaves_nothing_beside_the_folder(generator, folder, tmp_path):
    generator.save(folder)
    assert os.listdir(tmp_path) == ["model"]


def test_saving_replaces_an_empty_folder(generator, tmp_path):
    (tmp_path / "model").mkdir()
    generator.save(tmp_path / "model")
    StablePosteriorGenerator.load(tmp_path / "model")


def test_saving_follows_a_link_to_the_folder(generator, folder, tmp_path):
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    generator.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert StablePosteriorGenerator.load(folder)


def test_saving_follows_a_link_to_nothing(generator, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "model")
    generator.save(tmp_path / "link")
    assert StablePosteriorGenerator.load(tmp_path / "model")


def add_a_note(folder):
    (folder / "notes.txt").write_text("mine")


def only_a_note(folder):
    empty(folder)
    add_a_note(folder)


def empty(folder):
    for file in folder.iterdir():
        file.unlink()


def model_of_another_library(folder):
    (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')


def a_file_in_its_place(folder):
    empty(folder)
    folder.rmdir()
    folder.write_text("mine")


def folder_in_place_of_the_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


FOREIGN = [
    add_a_note,
    only_a_note,
    model_of_another_library,
    a_file_in_its_place,
    folder_in_place_of_the_weights,
]


@pytest.mark.parametrize("change", FOREIGN)
def test_saving_refuses_to_replace_what_is_not_a_saved_generator(
    change, generator, folder, tmp_path
):
    change(folder)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match="path must be new"):
        generator.save(folder)
    assert contents(tmp_path) == before


def test_saving_into_a_missing_folder_says_so(generator, tmp_path):
    with pytest.raises(FileNotFoundError, match="existing folder"):
        generator.save(tmp_path / "missing" / "model")


def test_a_network_of_another_shape_than_the_parameters_is_not_saved(
    generator, tmp_path
):
    changed = deepcopy(generator).set_params(hidden_size=16)
    with pytest.raises(ValueError, match="parameters of its fit"):
        changed.save(tmp_path / "model")
    assert not contents(tmp_path)


def test_parameters_that_the_loader_would_refuse_are_not_saved(generator, tmp_path):
    changed = deepcopy(generator).set_params(max_iter=-1)
    with pytest.raises(ValueError, match="max_iter"):
        changed.save(tmp_path / "model")
    assert not contents(tmp_path)


def test_a_parameter_without_a_json_value_is_not_saved(generator, tmp_path):
    changed = deepcopy(generator).set_params(gamma=[2.0])
    with pytest.raises(TypeError, match="gamma must be a number"):
        changed.save(tmp_path / "model")
    assert not contents(tmp_path)


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(24, dtype=np.uint64) % 2 * np.uint64(2**63),
        ["a" * (k * 100_000) for k in range(24)],
    ],
    ids=["integers", "text"],
)
def test_classes_that_cannot_be_read_again_are_not_saved(labels, tmp_path):
    """Nor does `fit` take them."""
    with pytest.raises(ValueError, match="y must hold"):
        latent().fit(X, labels)
    classes, codes = np.unique(labels, return_inverse=True)
    generator = latent().fit(X, codes)
    generator.conditions_.target.classes_ = classes
    with pytest.raises(ValueError, match="cannot be saved"):
        generator.save(tmp_path / "model")
    assert not contents(tmp_path)


def test_names_too_long_to_be_read_again_are_not_saved(made, tmp_path):
    named = deepcopy(made("data frame").generator)
    named.feature_names_in_ = named.feature_names_in_ * MAX_TEXT
    with pytest.raises(ValueError, match="shorter column names"):
        named.save(tmp_path / "model")
    assert not contents(tmp_path)


# Failures while writing


class FullDisk(io.FileIO):
    """A file on a disk without space."""

    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def fill_the_disk(monkeypatch):
    monkeypatch.setattr(Path, "open", lambda path, mode: FullDisk(path, mode))


def fail_at_call(n):
    """Return a way to break the nth renaming, and every one of its kind before."""

    def breaks(monkeypatch):
        rename, calls = os.rename, []

        def failing(source, target):
            calls.append(source)
            if len(calls) == n:
                raise OSError(errno.EIO, "Input/output error")
            return rename(source, target)

        monkeypatch.setattr(os, "rename", failing)

    return breaks


def fail_to_sync(monkeypatch):
    def failing(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)


BREAKS = {
    "full disk": fill_the_disk,
    "no sync": fail_to_sync,
    "first renaming": fail_at_call(1),
}


@pytest.mark.parametrize("breaks", BREAKS.values(), ids=BREAKS)
def test_a_failed_save_leaves_nothing_behind(breaks, generator, tmp_path, monkeypatch):
    breaks(monkeypatch)
    with pytest.raises(OSError, match=r"error|space"):
        generator.save(tmp_path / "model")
    assert not contents(tmp_path)


@pytest.mark.parametrize(
    "breaks",
    [*BREAKS.values(), fail_at_call(2)],
    ids=[*BREAKS, "second renaming"],
)
def test_a_failed_save_leaves_the_old_model_as_it_was(
    breaks, made, folder, tmp_path, monkeypatch
):
    before = contents(tmp_path)
    breaks(monkeypatch)
    with pytest.raises(OSError, match=r"error|space"):
        made("latent-lstm").generator.save(folder)
    assert contents(tmp_path) == before


def test_an_old_model_that_cannot_be_put_back_is_not_deleted(
    generator, folder, tmp_path, monkeypatch
):
    before, rename = contents(folder), os.rename

    def failing(source, target):
        if Path(target) == folder:
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="error"):
        generator.save(folder)
    (old,) = tmp_path.glob(".tsgen-*/old")
    assert contents(old) == before


def test_an_interrupt_between_the_renamings_puts_the_old_model_back(
    made, folder, tmp_path, monkeypatch
):
    before, rename = contents(tmp_path), os.rename

    def interrupted(source, target):
        if Path(source).name == "new":
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made("latent-lstm").generator.save(folder)
    assert contents(tmp_path) == before


def test_a_limit_on_file_sizes_leaves_the_old_model_as_it_was(folder, tmp_path):
    before = contents(tmp_path)
    code = (
        "import resource, sys, tsgen\n"
        "generator = tsgen.StablePosteriorGenerator.load(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    generator.save(sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    assert int(in_child(code, str(folder))) == errno.EFBIG
    assert contents(tmp_path) == before


# Damage, and files made to do harm


def edit_config(folder, change):
    file = folder / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))


def in_config(*keys, value):
    """Return an attack that sets one value of the configuration."""

    def attack(folder):
        def change(config):
            for key in keys[:-1]:
                config = config[key]
            config[keys[-1]] = value

        edit_config(folder, change)

    return attack


def without(*keys):
    """Return an attack that removes one key of the configuration."""

    def attack(folder):
        def change(config):
            for key in keys[:-1]:
                config = config[key]
            del config[keys[-1]]

        edit_config(folder, change)

    return attack


def in_config_text(old, new):
    def attack(folder):
        file = folder / "config.json"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return attack


def as_config(data):
    return lambda folder: (folder / "config.json").write_bytes(data)


def recoded(encoding):
    def attack(folder):
        file = folder / "config.json"
        file.write_bytes(file.read_text().replace("lstm", "é").encode(encoding))

    return attack


def write_weights(folder, data):
    """Replace the weights and give the configuration their checksum."""
    (folder / "model.safetensors").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    edit_config(folder, lambda config: config.update(sha256=digest))


def as_weights(data):
    return lambda folder: write_weights(folder, data)


def edited_bytes(change):
    """Return an attack that changes the bytes of the weights."""

    def attack(folder):
        write_weights(folder, change((folder / "model.safetensors").read_bytes()))

    return attack


def edited_header(change):
    """Return an attack that changes the header of the weights and not the rest."""

    def edited(data):
        length = struct.unpack("<Q", data[:8])[0]
        header = change(json.loads(data[8 : 8 + length]))
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + length :]

    return edited_bytes(edited)


NAME = "model.likelihood.from_features.bias"


def in_entry(key, value):
    def change(header):
        header[NAME][key] = value
        return header

    return edited_header(change)


def change_offsets(by_start, by_stop):
    def change(header):
        start, stop = header[NAME]["data_offsets"]
        header[NAME]["data_offsets"] = [start + by_start, stop + by_stop]
        return header

    return edited_header(change)


def repeated_key(header):
    entry = json.dumps({NAME: header[NAME]})[1:-1]
    return json.dumps(header)[:-1].encode() + b", " + entry.encode() + b"}"


def renamed_tensor(header):
    header["../../escape"] = header.pop(NAME)
    return header


def zero_size_tensors(header):
    for name in ("a", "b"):
        header[name] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return header


def shared_offsets(header):
    header["history.loss"]["data_offsets"] = header["history.denoising"]["data_offsets"]
    return header


def with_arrays(change):
    """Return an attack that writes other arrays in a valid file."""

    def attack(folder):
        data = (folder / "model.safetensors").read_bytes()
        arrays = {k: v.copy() for k, v in safetensors.numpy.load(data).items()}
        change(arrays)
        write_weights(folder, safetensors.numpy.save(arrays))

    return attack


def set_array(name, value):
    return with_arrays(lambda arrays: arrays.update({name: value}))


class Payload:
    """A pickle that makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("escaped",)


def zipped_pickle():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload()))
    return stream.getvalue()


def zip_in_place_of_the_folder(member, data):
    def attack(folder):
        empty(folder)
        folder.rmdir()
        with zipfile.ZipFile(folder, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, data)

    return attack


def linked_outside(name):
    def attack(folder):
        outside = folder.parent / "outside"
        (folder / name).rename(outside)
        (folder / name).symlink_to(outside)

    return attack


def linked_to_itself(folder):
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("config.json")


def pipe_in_place_of(name):
    def attack(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return attack


def flip_a_bit(folder):
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def sparse_and_huge(folder):
    """Let the file be long enough for a width whose square overflows."""
    os.truncate(folder / "model.safetensors", 2**40)
    in_config("params", "hidden_size", value=2**36)(folder)


def deep(opening, closing):
    return (opening * 100_000 + closing * 100_000).encode()


DEEP_LIST = "[" * 450 + "]" * 450

CORPUS = {
    # The configuration
    "huge hidden_size": in_config("params", "hidden_size", value=10**9),
    "huge latent_size": in_config("params", "latent_size", value=10**9),
    "huge n_levels": in_config("params", "n_levels", value=10**9),
    "huge n_layers": in_config("params", "n_layers", value=10**9),
    "huge n_channels": in_config("facts", "n_channels", value=10**9),
    "huge n_timesteps": in_config("facts", "n_timesteps", value=10**12),
    "huge sizes in a sparse file": sparse_and_huge,
    "huge history": in_config("history", "loss", value=2**31),
    "many more layers": in_config("params", "n_layers", value=7),
    "wider than the weights": in_config("params", "hidden_size", value=16),
    "other backbone": in_config("params", "backbone", value="transformer"),
    "other denoiser": in_config("params", "denoiser", value="mlp"),
    "deep lists": as_config(deep("[", "]")),
    "deep objects": as_config(deep('{"a":', "}")),
    "deep parameter": in_config_text('"lstm"', "[" * 5000 + "]" * 5000),
    "huge int": in_config("params", "max_iter", value=10**400),
    "int of 5000 digits": in_config_text('"max_iter": 2', '"max_iter": ' + "9" * 5000),
    "infinite float": in_config_text('"tol": 0.0001', '"tol": 1e999'),
    "NaN": in_config("params", "gamma", value=float("nan")),
    "Infinity": in_config("params", "gamma", value=float("inf")),
    "unknown class": in_config("class", value="Generator"),
    "dotted class": in_config(
        "class", value="tsgen.generators.StablePosteriorGenerator"
    ),
    "path as class": in_config("class", value="../StablePosteriorGenerator"),
    "another class": in_config("class", value="LatentDiffusionGenerator"),
    "class that is a list": in_config("class", value=["StablePosteriorGenerator"]),
    "null": as_config(b"null"),
    "list": as_config(b"[]"),
    "empty object": as_config(b"{}"),
    "empty": as_config(b""),
    "garbage": as_config(bytes(range(256))),
    "over the cap": as_config(b" " * MAX_TEXT + b"{}"),
    "long string": in_config("class", value="a" * (MAX_TEXT - 4096)),
    "byte order mark": recoded("utf-8-sig"),
    "UTF-16": recoded("utf-16"),
    "Latin-1": recoded("latin-1"),
    "repeated key": in_config_text('"class"', '"class": "x", "class"'),
    "missing key": without("facts"),
    "unknown key": in_config("extra", value=1),
    "key that is a path": in_config("../../extra", value=1),
    "missing parameter": without("params", "gamma"),
    "unknown parameter": in_config("params", "hook", value="os.system"),
    "nested parameter": in_config("params", "model__hook", value=1),
    "dunder parameter": in_config("params", "__class__", value="x"),
    "parameter of a wrong type": in_config("params", "hidden_size", value="8"),
    "parameter that is a list": in_config("params", "hidden_size", value=[8]),
    "parameter that is an object": in_config("params", "backbone", value={"a": 1}),
    "parameter that is null": in_config("params", "dropout", value=None),
    "parameter out of bounds": in_config("params", "dropout", value=2.0),
    "levels that contradict": in_config("params", "n_inference_levels", value=21),
    "params that are a list": in_config("params", value=[]),
    "newer version": in_config("format_version", value=FORMAT_VERSION + 1),
    "older version": in_config("format_version", value=FORMAT_VERSION - 1),
    "version 0": in_config("format_version", value=0),
    "version that is a boolean": in_config("format_version", value=True),
    "version that is a string": in_config("format_version", value="3"),
    "facts that are a list": in_config("facts", value=[]),
    "missing fact": without("facts", "dtype"),
    "unknown fact": in_config("facts", "hook", value=1),
    "n_timesteps 0": in_config("facts", "n_timesteps", value=0),
    "n_timesteps of a wrong type": in_config("facts", "n_timesteps", value=6.0),
    "n_channels of a wrong type": in_config("facts", "n_channels", value="2"),
    "other n_channels": in_config("facts", "n_channels", value=3),
    "n_iter below 1": in_config("facts", "n_iter", value=-1),
    "two axes for two channels": in_config("facts", "form", "n_axes", value=2),
    "four axes": in_config("facts", "form", "n_axes", value=4),
    "axes that are a boolean": in_config("facts", "form", "n_axes", value=True),
    "form that is a list": in_config("facts", "form", value=[]),
    "form of no kind": without("facts", "form", "kind"),
    "form of an unknown kind": in_config("facts", "form", "kind", value="pickle"),
    "form of another kind": in_config("facts", "form", "kind", value="wide"),
    "form with another key": in_config("facts", "form", "hook", value=1),
    "one step less": in_config("facts", "n_timesteps", value=5),
    "one step more": in_config("facts", "n_timesteps", value=7),
    "form of deep lists": in_config_text('"n_axes": 3', '"n_axes": ' + DEEP_LIST),
    "values that were not there": in_config("facts", "n_values", value=[2, 0]),
    "no values": in_config("facts", "n_values", value=[0, 0]),
    "values of fewer channels": in_config("facts", "n_values", value=[2]),
    "values that are a number": in_config("facts", "n_values", value=0),
    "values that are null": in_config("facts", "n_values", value=None),
    "conditions that are null": in_config("facts", "conditions", value=None),
    "conditions with another key": in_config("facts", "conditions", "hook", value=1),
    "one series less": in_config("facts", "conditions", "n_series", value=23),
    "one series": in_config("facts", "conditions", "n_series", value=1),
    "huge n_series": in_config("facts", "conditions", "n_series", value=2**31),
    "classes that were not there": in_config(
        "facts", "conditions", "target", value={"classes": ["a", "b"]}
    ),
    "numbers that were not there": in_config(
        "facts",
        "conditions",
        "target",
        value={"mean": 0.0, "scale": 1.0, "low": 0.0, "high": 1.0},
    ),
    "gaps that were not there": in_config(
        "facts", "conditions", "gaps", value=[24, 6, 2]
    ),
    "unequal lengths of an array": in_config(
        "facts", "conditions", "unequal", value=True
    ),
    "unequal lengths that are an int": in_config(
        "facts", "conditions", "unequal", value=0
    ),
    "dtype object": in_config("facts", "dtype", value="object"),
    "dtype that is a list": in_config("facts", "dtype", value=["float32"]),
    "too few feature names": in_config("facts", "feature_names", value=["a"]),
    "feature names that are numbers": in_config(
        "facts", "feature_names", value=list(range(6))
    ),
    "feature names that are null": in_config("facts", "feature_names", value=None),
    "history that is a list": in_config("history", value=[]),
    "history of a path": in_config("history", "../x", value=1),
    "other history": in_config("history", "loss", value=3),
    "repeated series that are not there": in_config("repeats_one_series", value=True),
    "boolean that is an int": in_config("repeats_one_series", value=0),
    "checksum that is null": in_config("sha256", value=None),
    "other checksum": in_config("sha256", value="0" * 64),
    "versions that are numbers": in_config("versions", "torch", value=2),
    "unknown version": in_config("versions", "hook", value="1"),
    # The weights
    "pickle": as_weights(pickle.dumps(Payload())),
    "pickle in a zip": as_weights(zipped_pickle()),
    "no bytes": as_weights(b""),
    "seven bytes": as_weights(b"\0" * 7),
    "only zeros": as_weights(b"\0" * 1000),
    "random bytes": as_weights(np.random.default_rng(0).bytes(10_000)),
    "truncated": edited_bytes(lambda data: data[:-1]),
    "truncated in the header": edited_bytes(lambda data: data[:500]),
    "trailing byte": edited_bytes(lambda data: data + b"\0"),
    "huge header": edited_bytes(lambda data: struct.pack("<Q", 2**63) + data[8:]),
    "header over the cap": edited_header(lambda _: b"{}" + b" " * MAX_TEXT),
    "header that is a list": edited_header(lambda _: []),
    "header that is deep": edited_header(lambda _: deep("[", "]")),
    "header with a byte order mark": edited_header(
        lambda header: b"\xef\xbb\xbf" + json.dumps(header).encode()
    ),
    "metadata": edited_header(lambda header: {**header, "__metadata__": {"a": "b"}}),
    "entry that is a list": edited_header(lambda header: {**header, NAME: []}),
    "entry without a shape": edited_header(lambda header: {**header, NAME: {}}),
    "duplicate tensor": edited_header(repeated_key),
    "tensor named like a path": edited_header(renamed_tensor),
    "tensors of size 0": edited_header(zero_size_tensors),
    "shared offsets": edited_header(shared_offsets),
    "overlap": change_offsets(-4, -4),
    "hole": change_offsets(4, 0),
    "offsets beyond the end": change_offsets(2**40, 2**40),
    "negative offsets": in_entry("data_offsets", [-16, 0]),
    "offsets that are a string": in_entry("data_offsets", "0"),
    "overflowing shape": in_entry("shape", [2**62, 8]),
    "shape that is a string": in_entry("shape", "4"),
    "shape that is a list of lists": in_entry("shape", [[4]]),
    "shape of floats": in_entry("shape", [4.0]),
    "integers for floats": in_entry("dtype", "I32"),
    "unknown dtype": in_entry("dtype", "object"),
    "dtype that is an object": in_entry("dtype", {}),
    "float64 weights": with_arrays(
        lambda arrays: arrays.update({NAME: arrays[NAME].astype(np.float64)})
    ),
    "float32 scaling": set_array("scaler.unit_", np.ones(2, np.float32)),
    "extra tensor": set_array("model.hook", np.zeros(1, np.float32)),
    "level beyond the schedule": set_array("model.last_level", np.array(10**9)),
    "missing tensor": with_arrays(lambda arrays: arrays.pop(NAME)),
    "transposed tensor": with_arrays(
        lambda arrays: arrays.update({NAME: arrays[NAME][:, None]})
    ),
    "shorter series": set_array("conditions.lengths", np.full(24, 5)),
    "series of other lengths": set_array("conditions.lengths", np.arange(24) % 6 + 1),
    "rows of another width": set_array("conditions.rows", np.ones((24, 1), "f4")),
    "lengths of another type": set_array("conditions.lengths", np.full(24, 6.0)),
    "lengths of two axes": set_array("conditions.lengths", np.full((24, 1), 6)),
    "extra condition": set_array("conditions.hook", np.ones(24, np.float32)),
    "NaN weight": set_array(NAME, np.array([0, 0, 0, np.nan], np.float32)),
    "infinite weight": set_array(NAME, np.array([0, 0, 0, np.inf], np.float32)),
    "negative units": set_array("scaler.unit_", np.array([1.0, -1.0])),
    "no units": set_array("scaler.unit_", np.array([1.0, 0.0])),
    "negative scales": set_array("scaler.relative_scale_", np.array([1.0, -1.0])),
    "NaN in the scaling": set_array("scaler.unit_", np.array([1, np.nan])),
    "NaN in the history": set_array("history.loss", np.array([1, np.nan])),
    "flipped bit": flip_a_bit,
    # The folder
    "no configuration": lambda folder: (folder / "config.json").unlink(),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "nothing at all": empty,
    "a file": a_file_in_its_place,
    "folder for weights": folder_in_place_of_the_weights,
    "configuration linked outside": linked_outside("config.json"),
    "weights linked outside": linked_outside("model.safetensors"),
    "link to itself": linked_to_itself,
    "configuration that is a pipe": pipe_in_place_of("config.json"),
    "weights that are a pipe": pipe_in_place_of("model.safetensors"),
    "zip that leaves its folder": zip_in_place_of_the_folder("../escaped", b"x"),
    "zip bomb": zip_in_place_of_the_folder("config.json", b" " * 10**7),
}

LARGE = ("huge", "deep", "over the cap", "overflowing", "digits", "bomb")
COSTLY = {
    name: attack
    for name, attack in CORPUS.items()
    if any(word in name for word in LARGE)
}


def refusal(folder):
    with pytest.raises(InvalidModelFileError) as caught:
        StablePosteriorGenerator.load(folder)
    return str(caught.value)


@pytest.mark.parametrize("attack", CORPUS.values(), ids=CORPUS)
def test_a_bad_file_is_refused_with_its_path_and_a_cure(
    attack, folder, tmp_path, monkeypatch
):
    """Nothing on the disk changes meanwhile."""
    attack(folder)
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)
    message = refusal(folder)
    assert listing(tmp_path) == before
    assert message.startswith(str(folder))
    assert message.count("\n") <= 2
    assert len(message) < len(str(folder)) + 400


def listing(folder):
    paths = (path.lstat() for path in [folder, *folder.rglob("*")])
    return [(found.st_ino, found.st_size, found.st_mtime_ns) for found in paths]


@pytest.mark.parametrize("attack", COSTLY.values(), ids=COSTLY)
def test_a_bad_file_takes_less_than_a_second_and_little_memory(attack, folder):
    attack(folder)
    start = time.perf_counter()
    refusal(folder)
    assert time.perf_counter() - start < 1
    tracemalloc.start()
    try:
        refusal(folder)
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()


def test_a_mutated_file_is_refused(folder):
    rng = np.random.default_rng(0)
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for _ in range(50):
        data = bytearray(whole)
        data[rng.integers(8000)] ^= int(rng.integers(1, 256))
        file.write_bytes(data)
        refusal(folder)


def test_a_mutated_configuration_is_refused_or_loads(folder):
    rng = np.random.default_rng(0)
    file = folder / "config.json"
    whole = file.read_bytes()
    for _ in range(200):
        data = bytearray(whole)
        data[rng.integers(len(data))] = int(rng.integers(32, 127))
        file.write_bytes(data)
        try:
            StablePosteriorGenerator.load(folder)
        except InvalidModelFileError:
            continue


def test_the_configuration_of_another_model_is_refused(made, folder):
    generator = stable(denoiser="unet", noise_schedule="linear").fit(X)
    generator.save(folder.parent / "other")
    (folder.parent / "other" / "config.json").replace(folder / "config.json")
    assert "checksum" in refusal(folder)


def test_the_folder_of_another_class_is_refused_by_name(made):
    with pytest.raises(InvalidModelFileError, match="holds a 'LatentDiffusion"):
        StablePosteriorGenerator.load(made("latent-lstm").folder)


ATTACKS_ON_DIFFUSION = {
    "channels": in_config("facts", "n_channels", value=10**9),
    "width": in_config("params", "hidden_size", value=10**9),
    "odd width": in_config("params", "hidden_size", value=7),
    "levels": in_config("params", "n_levels", value=10**9),
    "layers": in_config("params", "n_layers", value=10**9),
    "class": in_config("class", value="StablePosteriorGenerator"),
}
ATTACKS_ON_LENGTH = {  # no weight of the transformer depends on it
    "steps": in_config("facts", "n_timesteps", value=10**9),
    "one step more": in_config("facts", "n_timesteps", value=7),
}


@pytest.mark.parametrize(
    ("name", "attack"),
    [
        *(("diffusion-mlp", a) for a in ATTACKS_ON_LENGTH.values()),
        *(("diffusion-mlp", a) for a in ATTACKS_ON_DIFFUSION.values()),
        *(("diffusion-transformer", a) for a in ATTACKS_ON_DIFFUSION.values()),
    ],
    ids=[*ATTACKS_ON_LENGTH, *ATTACKS_ON_DIFFUSION]
    + [f"{name}, transformer" for name in ATTACKS_ON_DIFFUSION],
)
def test_a_bad_file_of_a_diffusion_of_series_is_refused(made, tmp_path, name, attack):
    folder = shutil.copytree(made(name).folder, tmp_path / "model")
    attack(folder)
    start = time.perf_counter()
    with pytest.raises(InvalidModelFileError):
        DiffusionGenerator.load(folder)
    assert time.perf_counter() - start < 1


def of_conditions(*keys, value):
    return in_config("facts", "conditions", *keys, value=value)


def of_form(*keys, value):
    return in_config("facts", "form", *keys, value=value)


def changed_rows(change):
    """Return an attack on the rows of conditions, in the order of `PLACES`."""

    def attack(arrays):
        change(arrays["conditions.rows"])

    return with_arrays(attack)


def set_rows(place, value):
    def change(rows):
        rows[..., place] = value

    return changed_rows(change)


def set_gaps(change):
    """Return an attack on the gaps (24, 6, 2), packed again."""

    def attack(arrays):
        bits = np.unpackbits(arrays["conditions.gaps"])
        gaps = bits[: 24 * 6 * 2].reshape(24, 6, 2)
        change(gaps)
        arrays["conditions.gaps"] = np.packbits(gaps)

    return with_arrays(attack)


def of_unequal_lengths(n_short):
    """Return sorted text that takes much more memory in an array."""
    return [f"{k:06}" for k in range(n_short)] + ["z" * 300_000]


PLACES = {"dead": 0, "sick": 1, "age": 3, "east": 4, "smokes": 7, "length": 8}
ATTACKS_ON_CONDITIONS = {
    "other classes": of_conditions("target", "classes", value=["dead", "sick"]),
    "one class more": of_conditions("target", "classes", value=["a", "b", "c", "d"]),
    "classes out of order": of_conditions(
        "target", "classes", value=["well", "sick", "dead"]
    ),
    "classes of two types": of_conditions("target", "classes", value=[1, 2, "a"]),
    "classes that are equal": of_conditions("target", "classes", value=["a", "a", "b"]),
    "classes that become equal": of_conditions(
        "target", "classes", value=["a", "a\0", "b"]
    ),
    "classes of much memory": of_conditions(
        "target", "classes", value=of_unequal_lengths(60_000)
    ),
    "no classes": of_conditions("target", "classes", value=[]),
    "classes that are text": of_conditions("target", "classes", value="abc"),
    "target that is a list": of_conditions("target", value=["classes"]),
    "target of two kinds": of_conditions("target", "mean", value=0.0),
    "no target": of_conditions("target", value=None),
    "no static": of_conditions("static", value=None),
    "static that is a list": of_conditions("static", value=[]),
    "static of fewer names": of_conditions("static", "names", value=["age"]),
    "static of fewer columns": of_conditions("static", "columns", value=[]),
    "infinite mean": in_config_text('"mean": 11.5', '"mean": 1e999'),
    "ends in the wrong order": of_conditions("static", "columns", 0, "low", value=1e9),
    "mean that is an int": of_conditions("static", "columns", 0, "mean", value=1),
    "negative scale": of_conditions("static", "columns", 0, "scale", value=-1.0),
    "no scale": of_conditions("static", "columns", 0, "scale", value=0.0),
    "one series less": of_conditions("n_series", value=23),
    "series that are a float": of_conditions("n_series", value=24.0),
    "lengths said to be equal": of_conditions("unequal", value=False),
    "form of equal lengths": of_form(value={"kind": "array", "n_axes": 3}),
    "no gaps": of_conditions("gaps", value=None),
    "gaps of other series": of_conditions("gaps", value=[25, 6, 2]),
    "gaps of other steps": of_conditions("gaps", value=[24, 5, 2]),
    "gaps of two axes": of_conditions("gaps", value=[24, 12]),
    "gaps of floats": of_conditions("gaps", value=[24, 6.0, 2]),
    "gaps of a huge size": of_conditions("gaps", value=[24, 2**40, 2**40]),
    "gaps without a mask": in_config("params", "missing", value="error"),
    "two classes at once": set_rows([PLACES["dead"], PLACES["sick"]], 1),
    "half a class": set_rows(PLACES["sick"], 0.5),
    "no class": set_rows(slice(0, 3), 0),
    "only one class": set_rows(slice(0, 3), [1, 0, 0]),
    "no category": set_rows(PLACES["east"], 0),
    "more than true": set_rows(PLACES["smokes"], 2),
    "an age far away": set_rows(PLACES["age"], 1e7),
    "lengths that are not those": set_rows(PLACES["length"], 1),
    "NaN condition": set_rows(PLACES["age"], np.nan),
    "infinite condition": set_rows(PLACES["age"], np.inf),
    "rows of float64": with_arrays(
        lambda arrays: arrays.update(
            {"conditions.rows": arrays["conditions.rows"].astype(np.float64)}
        )
    ),
    "rows missing": with_arrays(lambda arrays: arrays.pop("conditions.rows")),
    "a length of 0": with_arrays(
        lambda arrays: arrays["conditions.lengths"].__setitem__(0, 0)
    ),
    "a negative length": with_arrays(
        lambda arrays: arrays["conditions.lengths"].__setitem__(0, -1)
    ),
    "a longer series": with_arrays(
        lambda arrays: arrays["conditions.lengths"].__setitem__(0, 7)
    ),
    "other lengths": with_arrays(
        lambda arrays: arrays["conditions.lengths"].__setitem__(0, 5)
    ),
    "gaps missing": with_arrays(lambda arrays: arrays.pop("conditions.gaps")),
    "gaps of a byte more": with_arrays(
        lambda arrays: arrays.update(
            {"conditions.gaps": np.append(arrays["conditions.gaps"], np.uint8(0))}
        )
    ),
    "gaps that are none": set_gaps(lambda gaps: gaps.fill(0)),
    "gaps everywhere": set_gaps(lambda gaps: gaps.fill(1)),
    "gaps after the end": set_gaps(lambda gaps: gaps[0].fill(1)),
    "a series of gaps": set_gaps(lambda gaps: gaps[4].fill(1)),
    "equal series": in_config("repeats_one_series", value=True),
}
ATTACKS_ON_LONG = {
    "no columns": of_form("columns", value=None),
    "columns that are a list": of_form("columns", value=["pulse", "pressure"]),
    "fewer columns": of_form("columns", "labels", value=["pulse"]),
    "columns of an unknown type": of_form("columns", "dtype", value="function"),
    "columns of another type": of_form("columns", "dtype", value="int64"),
    "labels that are null": of_form("columns", "labels", value=[None, None]),
    "labels that are lists": of_form("columns", "labels", value=[[], []]),
    "a name that is a list": of_form("columns_name", value=[]),
    "three levels": of_form("index_names", value=["a", "b", "c"]),
    "levels that are text": of_form("index_names", value="ab"),
    "types of other columns": of_form("dtypes", value=["float64"] * 3),
    "an unknown type": of_form("dtypes", value=["object"]),
    "equal lengths": of_form("ragged", value=False),
    "lengths that are an int": of_form("ragged", value=1),
    "no start": without("facts", "form", "times", "start"),
    "a start that is a float": of_form("times", "start", value=0.5),
    "a start out of range": of_form("times", "start", value=2**63 - 1),
    "a huge step": of_form("times", "step", value=2**62),
    "an unknown zone": of_form("times", "dtype", value="datetime64[us, Mars/Olympus]"),
    "a zone that is a file": of_form(
        "times", "dtype", value="datetime64[us, dateutil//etc/hostname]"
    ),
    "an unknown frequency": of_form("times", "dtype", value="period[mars]"),
    "an unknown unit": of_form("times", "dtype", value="datetime64[weeks]"),
    "times that are equal": of_form(
        "times", value={"dtype": "float64", "labels": [1.0] * 6}
    ),
    "fewer times": of_form("times", value={"dtype": "float64", "labels": [1.0, 2.0]}),
}
SIZES = [0, 0, 2, 3, 2]  # of the mixed long frame
VALUES = np.array([0.0, 1.0, 1.0, 2.0, 4.0, 1.0, 2.0])


def set_supports(values=VALUES, shares=None):
    shares = np.array([0.5, 0.5, 0.3, 0.3, 0.4, 0.5, 0.5]) if shares is None else shares
    return with_arrays(
        lambda arrays: arrays.update(
            {"scaler.values": np.array(values), "scaler.shares": np.array(shares)}
        )
    )


def of_labels(channel, *keys, value):
    return of_form("categories", channel, *keys, value=value)


ATTACKS_ON_MIXED = {
    "no values": in_config("facts", "n_values", value=[]),
    "other values": in_config("facts", "n_values", value=[0, 0, 3, 2, 2]),
    "values of a number": in_config("facts", "n_values", value=[1, *SIZES[1:]]),
    "values of no text": in_config("facts", "n_values", value=[0, 0, 0, 3, 2]),
    "too many values": in_config("facts", "n_values", value=[0, 0, 257, 3, 2]),
    "fewer than no values": in_config("facts", "n_values", value=[0, 0, -1, 3, 2]),
    "values that are floats": in_config("facts", "n_values", value=[0, 0, 2.0, 3, 2]),
    "values that are true": in_config("facts", "n_values", value=[0, 0, True, 3, 2]),
    "values that are lists": in_config("facts", "n_values", value=[[], 0, 2, 3, 2]),
    "a gaussian": in_config("params", "likelihood", value="gaussian"),
    "no kinds": in_config("params", "likelihood", value=[]),
    "kinds of fewer channels": in_config("params", "likelihood", value=["mixture"]),
    "kinds of numbers only": in_config("params", "likelihood", value=["mixture"] * 5),
    "kinds of channels without values": in_config(
        "params", "likelihood", value=["discrete"] * 5
    ),
    "kinds that are lists": in_config("params", "likelihood", value=[[]] * 5),
    "an unknown kind": in_config("params", "likelihood", value=["eval"] * 5),
    "kinds that are an object": in_config("params", "likelihood", value={"a": 1}),
    "values without labels": set_supports([0.0, 2.0, *VALUES[2:]]),
    "a value that no entry had": set_supports([*VALUES[:5], 0.0, 1.0]),
    "decreasing values": set_supports([0.0, 1.0, 2.0, 1.0, 4.0, 1.0, 2.0]),
    "equal values": set_supports([0.0, 1.0, 1.0, 1.0, 4.0, 1.0, 2.0]),
    "negative shares": set_supports(shares=[0.5, 0.5, 0.9, -0.3, 0.4, 0.5, 0.5]),
    "no shares": set_supports(shares=np.zeros(7)),
    "shares of more than all": set_supports(shares=np.ones(7)),
    "NaN values": set_supports([*VALUES[:6], np.nan]),
    "fewer shares": set_supports(shares=np.ones(6)),
    "no categories": of_form("categories", value=[]),
    "fewer categories": of_form("categories", value=[None]),
    "no categories at all": of_form("categories", value=[None] * 5),
    "categories that are text": of_form("categories", value="abcde"),
    "categories of a number": of_labels(0, value=1),
    "an axis for categories": of_labels(2, value={"dtype": "str", "labels": ["a"]}),
    "categories of another type": of_labels(2, "dtype", value="function"),
    "categories of a list for a type": of_labels(2, "dtype", value=[]),
    "text with an order": of_labels(2, "ordered", value=True),
    "an order that is an int": of_labels(4, "ordered", value=1),
    "labels that are null": of_labels(2, "labels", value=None),
    "labels that are equal": of_labels(2, "labels", "labels", value=["a", "a"]),
    "one label more": of_labels(2, "labels", "labels", value=["a", "b", "c"]),
    "text that is a number": of_labels(2, "labels", "labels", value=[1, 2]),
    "another one unused": of_labels(4, "unused", value=[1]),
    "one unused that is not there": of_labels(4, "unused", value=[3]),
    "one unused that is a list": of_labels(4, "unused", value=[[0]]),
    "all unused": of_labels(4, "unused", value=[0, 1, 2]),
    "unused that are text": of_labels(4, "unused", value="a"),
    "categories of an unknown zone": of_labels(
        4,
        "labels",
        value={"dtype": "datetime64[s, Mars/Olympus]", "labels": [1, 2, 3]},
    ),
}
ATTACKS_ON_TENSORS = {
    "an unknown type": of_form("dtype", value="qint8"),
    "a type that is a function": of_form("dtype", value="load"),
    "no type": of_form("dtype", value=None),
}
ATTACKS_ON_DIFFUSION_GIVEN = {
    "classes": of_conditions("target", value={"classes": ["a", "b"]}),
    "static": of_conditions(
        "static", value={"names": None, "columns": [{"mean": 0.0, "scale": 1.0}]}
    ),
    "gaps": of_conditions("gaps", value=[24, 6, 2]),
}
GIVEN = {
    "all that can be given": ATTACKS_ON_CONDITIONS,
    "ragged long frame": ATTACKS_ON_LONG,
    "tensor": ATTACKS_ON_TENSORS,
    "mixed long frame": ATTACKS_ON_MIXED,
    "diffusion-mlp": ATTACKS_ON_DIFFUSION_GIVEN,
}


@pytest.mark.parametrize(
    ("name", "attack"),
    [(name, attack) for name, attacks in GIVEN.items() for attack in attacks],
    ids=lambda text: text.replace(" ", "-"),
)
def test_bad_facts_of_the_training_series_are_refused(made, tmp_path, name, attack):
    case = made(name)
    folder = shutil.copytree(case.folder, tmp_path / "model")
    GIVEN[name][attack](folder)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(InvalidModelFileError) as caught:
            type(case.generator).load(folder)
        assert time.perf_counter() - start < 2
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(folder))
    assert len(str(caught.value)) < len(str(folder)) + 400


def test_the_places_of_conditions_are_those_attacked(made):
    conditions = made("all that can be given").generator.conditions_
    rows = conditions.rows
    assert_array_equal(rows[:, PLACES["dead"]] == 1, LABELS["text"] == "dead")
    assert_array_equal(rows[:, PLACES["sick"]] == 1, LABELS["text"] == "sick")
    assert_array_equal(rows[:, PLACES["age"]].argsort(), STATIC["age"])
    assert_array_equal(rows[:, PLACES["east"]] == 1, STATIC["ward"] == "east")
    assert_array_equal(rows[:, PLACES["smokes"]] == 1, STATIC["smokes"])
    assert_array_equal(rows[:, PLACES["length"]] * 6, conditions.lengths)


def test_the_values_of_the_mixed_frame_are_those_attacked(made):
    scaler = made("mixed long frame").generator.scaler_
    assert list(scaler.supports.sizes) == SIZES
    assert_array_equal(scaler.supports.arrays()["values"], VALUES)


def test_mutated_conditions_are_refused_or_can_be_sampled_from(made, tmp_path):
    case = made("all that can be given")
    folder = shutil.copytree(case.folder, tmp_path / "model")
    rng = np.random.default_rng(0)
    before = contents(folder)["model.safetensors"]
    length = struct.unpack("<Q", before[:8])[0]
    header = json.loads(before[8 : 8 + length])
    own = [name for name in header if name.startswith("conditions.")]
    kept = 0
    for _ in range(100):
        data = bytearray(before)
        start, stop = header[own[rng.integers(len(own))]]["data_offsets"]
        data[8 + length + rng.integers(start, stop)] ^= 1 << int(rng.integers(8))
        write_weights(folder, bytes(data))
        try:
            loaded = StablePosteriorGenerator.load(folder)
        except InvalidModelFileError:
            continue
        kept += 1
        assert len(loaded.sample(9, y=["dead", "sick", "well"] * 3, gaps=True)) == 9
    assert 0 < kept < 90


def test_a_mutated_configuration_of_conditions_is_refused_or_loads(made, tmp_path):
    case = made("all that can be given")
    folder = shutil.copytree(case.folder, tmp_path / "model")
    rng = np.random.default_rng(0)
    file = folder / "config.json"
    whole = file.read_bytes()
    start, stop = whole.index(b'"facts"'), whole.index(b'"history"')
    for _ in range(200):
        data = bytearray(whole)
        data[rng.integers(start, stop)] = int(rng.integers(32, 127))
        file.write_bytes(data)
        try:
            loaded = StablePosteriorGenerator.load(folder)
        except InvalidModelFileError:
            continue
        assert len(loaded.sample(2)) == 2


def test_a_newer_format_asks_for_an_upgrade(folder):
    in_config("format_version", value=FORMAT_VERSION + 1)(folder)
    assert "Upgrade tsgen" in refusal(folder)


def test_an_older_format_asks_for_another_fit(folder):
    def of_before(config):
        config["format_version"] = FORMAT_VERSION - 1
        del config["facts"]["form"], config["facts"]["conditions"]
        config["facts"]["input_ndim"] = 3

    edit_config(folder, of_before)
    assert "Fit the generator again" in refusal(folder)


def test_the_constraint_cannot_be_read_into_weights_without_it(made, tmp_path):
    folder = shutil.copytree(made("latent-lstm").folder, tmp_path / "model")
    in_config("params", "inverse_lipschitz", value=1.0)(folder)
    with pytest.raises(InvalidModelFileError, match="initial_state"):
        LatentDiffusionGenerator.load(folder)


def test_a_missing_path_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a folder"):
        StablePosteriorGenerator.load(tmp_path / "model")


def test_a_link_to_the_folder_is_followed(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert StablePosteriorGenerator.load(tmp_path / "link")


# The source

FORBIDDEN = [
    r"torch\.load\(",
    r"pickle\.loads?\(",
    r"joblib\.load\(",
    r"allow_pickle=True",
    r"(?<![\w.])eval\(",
    r"(?<![\w.])exec\(",
    r"yaml\.load",
    r"shell=True",
    r"trust_remote_code",
]


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_the_package_runs_nothing_it_reads(pattern):
    sources = Path(tsgen.__file__).parent.rglob("*.py")
    users = [path.name for path in sources if re.search(pattern, path.read_text())]
    assert users == []
