"""Pictures: functions that take arrays and results and return matplotlib Axes.

matplotlib is imported on the first call only, and pyplot never: a figure made here is
shown by no window and changes no setting. Save it with `ax.figure.savefig`, or pass
the Axes of a figure of your own.
"""

from tsgen.plots.autocorrelation import plot_autocorrelation
from tsgen.plots.comparison import plot_comparison
from tsgen.plots.correlations import plot_correlations
from tsgen.plots.dependency import (
    plot_dependencies,
    plot_dependency,
    plot_dependency_table,
)
from tsgen.plots.embedding import plot_embedding
from tsgen.plots.forecast import plot_forecast
from tsgen.plots.harm import plot_harm_check
from tsgen.plots.history import plot_history
from tsgen.plots.marginals import plot_marginals
from tsgen.plots.memorization import plot_memorization_report
from tsgen.plots.posterior import plot_posterior_report
from tsgen.plots.series import plot_series

__all__ = [
    "plot_autocorrelation",
    "plot_comparison",
    "plot_correlations",
    "plot_dependencies",
    "plot_dependency",
    "plot_dependency_table",
    "plot_embedding",
    "plot_forecast",
    "plot_harm_check",
    "plot_history",
    "plot_marginals",
    "plot_memorization_report",
    "plot_posterior_report",
    "plot_series",
]
