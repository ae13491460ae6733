import pytest
import torch
from torch.testing import assert_close

from tsgen.nn.rows import joined, observed_range


@pytest.mark.parametrize("size", [1, 4, 10, 99])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parts_are_joined_in_their_order(normals, size, dtype):
    rows = normals(10, 3, 2, dtype=dtype)
    found = joined(iter(rows.split(size)), len(rows))
    assert_close(found, rows, rtol=0, atol=0)


def test_numbers_are_joined_as_rows_are(normals):
    numbers = normals(10)
    assert_close(joined(numbers.split(3), 10), numbers, rtol=0, atol=0)


def test_parts_are_taken_one_by_one():
    """Each part is filled only when the one before it has been copied."""
    shared = torch.empty(2, 1)
    found = joined((shared.fill_(k) for k in range(3)), 6)
    assert found.ravel().tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("size", [1, 2])
def test_ranges_are_of_values_or_of_what_a_function_makes_of_them(size):
    x = torch.tensor([[0.0, 3.0], [5.0, torch.nan]])[..., None]
    assert observed_range(x, size).ravel().tolist() == [0.0, 5.0]
    assert observed_range(x, size, torch.neg).ravel().tolist() == [-5.0, 0.0]
    nothing = observed_range(x, size, lambda part: part * torch.nan)
    assert nothing.ravel().tolist() == [torch.inf, -torch.inf]
