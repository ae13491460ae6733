"""Is the latent used? Dependencies, posterior reports and what they say in words.

Results are objects with arrays, a text that reads, and `plot`.
"""

from tsgen.inspection.dependency import Dependency
from tsgen.inspection.measure import dependency_measure
from tsgen.inspection.posterior import PosteriorReport

__all__ = ["Dependency", "PosteriorReport", "dependency_measure"]
