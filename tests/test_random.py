import numpy as np
import pytest

from tsgen._random import numpy_generator


def test_an_int_always_gives_the_same_stream():
    assert (
        numpy_generator(3, "sample").normal() == numpy_generator(3, "sample").normal()
    )


def test_none_gives_fresh_streams():
    assert (
        numpy_generator(None, "sample").normal()
        != numpy_generator(None, "sample").normal()
    )


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_a_stateful_source_is_advanced(make):
    source = make(0)
    assert (
        numpy_generator(source, "sample").normal()
        != numpy_generator(source, "sample").normal()
    )


@pytest.mark.parametrize("bad", ["seed", -1, 1.5])
def test_a_bad_random_state_is_refused(bad):
    with pytest.raises(ValueError, match=r"(?i)seed"):
        numpy_generator(bad, "sample")


def test_an_int_does_not_repeat_the_users_own_stream():
    assert numpy_generator(0, "sample").normal() != np.random.default_rng(0).normal()


def test_purposes_do_not_share_numbers():
    first, other = (numpy_generator(0, purpose) for purpose in ("fit", "sample"))
    assert first.normal() != other.normal()
