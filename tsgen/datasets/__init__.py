"""Data: sets to train on, windows of a long series, splits that do not leak, controls.

Series are `(n_samples, n_timesteps, n_channels)`, the form in which every generator
takes them. `load_*` reads what is shipped with the package or lies in a folder of
yours, and never touches the network. `fetch_*` reads the file at `path`; without one it
downloads it, once, into `data_home`. `make_*` draws series whose truth is known.
"""

from tsgen.datasets.controls import shuffle_timesteps
from tsgen.datasets.earthquakes import fetch_earthquakes, load_earthquakes
from tsgen.datasets.eicu import fetch_eicu_demo
from tsgen.datasets.energy import load_energy
from tsgen.datasets.layouts import from_aeon, to_aeon
from tsgen.datasets.mimic import load_mimic
from tsgen.datasets.overlaps import overlapping_windows
from tsgen.datasets.physionet2012 import fetch_physionet2012
from tsgen.datasets.retail import fetch_retail
from tsgen.datasets.splits import WindowSplit
from tsgen.datasets.stocks import fetch_stocks
from tsgen.datasets.synthetic import make_regimes, make_sines, make_var
from tsgen.datasets.ts_format import read_ts
from tsgen.datasets.windows import make_windows, train_test_windows

__all__ = [
    "WindowSplit",
    "fetch_earthquakes",
    "fetch_eicu_demo",
    "fetch_physionet2012",
    "fetch_retail",
    "fetch_stocks",
    "from_aeon",
    "load_earthquakes",
    "load_energy",
    "load_mimic",
    "make_regimes",
    "make_sines",
    "make_var",
    "make_windows",
    "overlapping_windows",
    "read_ts",
    "shuffle_timesteps",
    "to_aeon",
    "train_test_windows",
]
