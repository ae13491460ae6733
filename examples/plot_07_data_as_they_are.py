"""Data as they are: gaps, classes, unequal lengths, frames, and what comes next.

Five channels of the Energy data, windows of four hours. A generator learns with a third
of the entries missing, and fills them; knows day from night; keeps the lengths of
series; and goes on from the first steps of a window. Takes a few minutes on two CPU
cores.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from tsgen import StablePosteriorGenerator
from tsgen.datasets import load_energy, train_test_windows
from tsgen.plots import plot_forecast

NAMES = ["T1", "RH_1", "T_out", "RH_out", "Appliances"]
OPTIONS = {"hidden_size": 64, "max_iter": 12, "prior_max_iter": 24, "random_state": 0}

energy = load_energy()
channels = [energy.channel_names.index(name) for name in NAMES]
series = energy.data[:, channels]
X_train, X_test = train_test_windows(series, length=24, stride=4, random_state=0)
print(f"{len(X_train)} windows of 24 steps and {len(NAMES)} channels to train on\n")

# Gaps: NaN, in training and in what is to be filled.
rng = np.random.default_rng(0)
missing = rng.random(X_train.shape) < 0.3
X_gappy = np.where(missing, np.nan, X_train)
generator = StablePosteriorGenerator(missing="mask", **OPTIONS).fit(X_gappy)
filled = generator.impute(X_gappy)
errors = {
    "imputed": filled - X_train,
    "mean of the channel": np.nanmean(X_gappy, axis=(0, 1)) - X_train,
}
for name, error in errors.items():
    relative = (error / X_train.std((0, 1)))[missing]
    rms = np.sqrt(np.square(relative).mean())
    print(f"{name:22}{rms:.2f} standard deviations off, in the mean square")
print(
    f"samples have {np.isnan(generator.sample(100)).mean():.0%} gaps, with gaps=True "
    f"{np.isnan(generator.sample(100, gaps=True)).mean():.0%}\n"
)

# Classes, lengths and frames together: a long frame of days and nights of any length.
lengths = rng.integers(12, 25, size=len(X_train))
frame = pd.concat(
    {
        k: pd.DataFrame(x[:n], columns=NAMES)
        for k, (x, n) in enumerate(zip(X_train, lengths, strict=True))
    },
    names=["window", "step"],
)
warm = np.where(X_train[:, :, 2].mean(axis=1) > 8, "warm", "cold")
generator = StablePosteriorGenerator(**OPTIONS).fit(frame, warm)
for label in generator.classes_:
    drawn = generator.sample(200, y=label)
    outside = frame.loc[np.flatnonzero(warm == label), "T_out"].mean()
    print(
        f"{label}: T_out {drawn['T_out'].mean():.1f}, in training {outside:.1f}; "
        f"lengths {drawn.groupby(level=0).size().min()} to "
        f"{drawn.groupby(level=0).size().max()}"
    )
print(f"\n{generator.sample(2, random_state=1).head(3)}\n")

# What comes next: a fan of 200 ways to go on from the first 12 steps.
generator = StablePosteriorGenerator(**OPTIONS).fit(X_train)
window = X_test[len(X_test) // 2]
fan = generator.sample(200, prefix=window[:12])
axes = plot_forecast(fan, n_known=12, truth=window, channel_names=NAMES)
picture = Path("forecast.png")
axes.flat[0].figure.savefig(picture, dpi=150)
print(f"saved {picture}")
