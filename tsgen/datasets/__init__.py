"""Data: sets to train on, windows of a long series, splits that do not leak, controls.

Series are `(n_samples, n_timesteps, n_channels)`, the form in which every generator
takes them. Nothing here touches the network: a set is shipped with the package, or
read from a file that you have downloaded.
"""

from tsgen.datasets.controls import shuffle_timesteps
from tsgen.datasets.earthquakes import load_earthquakes
from tsgen.datasets.energy import load_energy
from tsgen.datasets.vitals import load_physionet2012
from tsgen.datasets.windows import make_windows, train_test_windows

__all__ = [
    "load_earthquakes",
    "load_energy",
    "load_physionet2012",
    "make_windows",
    "shuffle_timesteps",
    "train_test_windows",
]
