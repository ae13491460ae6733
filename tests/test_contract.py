from tsgen._contract import takes


def test_a_parameter_is_found_by_its_name():
    assert takes(lambda n_samples, y=None: None, "y")
    assert not takes(lambda n_samples: None, "y")


def test_a_function_that_hides_its_parameters_takes_none():
    assert not takes(max, "key")
