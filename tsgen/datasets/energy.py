"""Energy: 28 channels of one house, shipped with the package."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from tsgen.datasets._files import read_csv

__all__ = ["load_energy"]

_DESCRIPTION = """\
Appliances energy prediction
============================

One house in Belgium, every 10 minutes from 2016-01-11 17:00 to 2016-05-27 18:00:
19,735 rows without gaps or missing values, 28 channels.

Appliances, lights             energy used, Wh in 10 minutes
T1, RH_1 ... T9, RH_9          temperature (degrees Celsius) and humidity (%) at nine
                               places, the sixth outdoors
T_out, RH_out, Tdewpoint       the same at the nearest weather station, and dew point
Press_mm_hg, Windspeed         its pressure (mm Hg) and wind (m/s)
Visibility                     its visibility (km)
rv1, rv2                       random numbers, put in as controls

`rv1` and `rv2` are equal in every row and carry no information about the house.

Source: Candanedo, L. (2017). Appliances Energy Prediction. UCI Machine Learning
Repository, id 374. https://doi.org/10.24432/C5VC8G
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0). The file is the
original one, compressed.
"""


def load_energy() -> Bunch:
    """Load the Energy data: 28 channels of one house, every 10 minutes.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (19735, 28), float64, in the units of `DESCR`.
        `channel_names` : list of 28 str.
        `dates` : ndarray of shape (19735,), datetime64[m], as recorded.
        `DESCR` : str with source, licence and notes.

    Notes
    -----
    The channels `rv1` and `rv2` are equal: drop one where a full-rank covariance is
    needed, or both, for they are noise.

    References
    ----------
    .. [1] Candanedo, L. (2017). Appliances Energy Prediction. UCI Machine Learning
       Repository. https://doi.org/10.24432/C5VC8G. CC BY 4.0.

    Examples
    --------
    >>> from tsgen.datasets import load_energy
    >>> energy = load_energy()
    >>> energy.data.shape
    (19735, 28)
    >>> energy.channel_names[:3]
    ['Appliances', 'lights', 'T1']
    """
    header, *rows = read_csv("energydata_complete.csv.gz")
    return Bunch(
        data=np.array([[float(value) for value in row[1:]] for row in rows]),
        channel_names=header[1:],
        dates=np.array([row[0] for row in rows], dtype="datetime64[m]"),
        DESCR=_DESCRIPTION,
    )
