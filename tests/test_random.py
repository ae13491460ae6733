import numpy as np
import pytest

from tsgen._random import numpy_generator, torch_generator


def test_an_int_always_gives_the_same_stream():
    assert numpy_generator(3).normal() == numpy_generator(3).normal()


def test_none_gives_fresh_streams():
    assert numpy_generator(None).normal() != numpy_generator(None).normal()


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_a_stateful_source_is_advanced(make):
    source = make(0)
    assert numpy_generator(source).normal() != numpy_generator(source).normal()


@pytest.mark.parametrize("bad", ["seed", -1, 1.5])
def test_a_bad_random_state_is_refused(bad):
    with pytest.raises(ValueError, match=r"(?i)seed"):
        numpy_generator(bad)


def test_torch_generators_follow_the_numpy_stream():
    first, again = (torch_generator(numpy_generator(0)) for _ in range(2))
    assert first.initial_seed() == again.initial_seed()
