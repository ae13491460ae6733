"""Quickstart: synthetic Energy series, scored, saved, loaded and drawn.

Fits a latent diffusion model with a stable posterior to windows of four hours of the
Energy data (28 sensors of a house, every ten minutes), draws 4,000 synthetic windows
and prints how far they are from held-out ones, beside what real windows reach and what
two generators without a network reach. Takes three to six minutes on two CPU cores.
"""

from pathlib import Path
from time import perf_counter

from tsgen import (
    BlockBootstrapGenerator,
    GaussianGenerator,
    StablePosteriorGenerator,
)
from tsgen.datasets import load_energy, train_test_windows
from tsgen.metrics import sliced_wasserstein_distance, spread_ratio
from tsgen.plots import plot_series

N_SAMPLES = 4000

# Training and held-out windows: interleaved blocks of time, a gap of a window between.
energy = load_energy()
X_train, X_test = train_test_windows(energy.data, length=24, random_state=0)
print(f"{len(X_train)} windows of 24 x 28 to train on, {len(X_test)} held out")

# Fit.
start = perf_counter()
generator = StablePosteriorGenerator(backbone="lstm", verbose=1, random_state=0)
generator.fit(X_train)
print(f"fitted in {perf_counter() - start:.0f} s")

# Save, load again, sample: the units are those of the data.
generator.save("quickstart_model")
generator = StablePosteriorGenerator.load("quickstart_model")
X_synthetic = generator.sample(N_SAMPLES, random_state=0)

# Score beside the floor (real windows) and beside generators without a network.
others = {
    "block bootstrap": BlockBootstrapGenerator(random_state=0),
    "Gaussian": GaussianGenerator(random_state=0),
}
rows = {
    "real, the floor": X_train[:: len(X_train) // N_SAMPLES],
    "stable posterior": X_synthetic,
    **{name: other.fit(X_train).sample(N_SAMPLES) for name, other in others.items()},
}
print(f"\n{'against held-out windows':26}{'sliced Wasserstein':>20}{'spread':>10}")
for name, X in rows.items():
    distance = sliced_wasserstein_distance(X_test, X, random_state=0)
    print(f"{name:26}{distance:20.3f}{spread_ratio(X_test, X):10.2f}")

# Look: real beside synthetic.
channels = [energy.channel_names.index(name) for name in ("T1", "RH_1", "T_out")]
axes = plot_series(
    X_train, X_synthetic, channels=channels, channel_names=energy.channel_names
)
picture = Path("quickstart.png")
axes.flat[0].figure.savefig(picture, dpi=150)
print(f"\nsaved quickstart_model/ and {picture}")
