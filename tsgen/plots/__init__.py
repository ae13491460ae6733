"""Pictures: functions that take arrays and results and return matplotlib Axes.

matplotlib is imported on the first call only, and pyplot never: a figure made here is
shown by no window and changes no setting. Save it with `ax.figure.savefig`, or pass
the Axes of a figure of your own.
"""

from tsgen.plots.dependency import (
    plot_dependencies,
    plot_dependency,
    plot_dependency_table,
)
from tsgen.plots.history import plot_history
from tsgen.plots.posterior import plot_posterior_report
from tsgen.plots.series import plot_series

__all__ = [
    "plot_dependencies",
    "plot_dependency",
    "plot_dependency_table",
    "plot_history",
    "plot_posterior_report",
    "plot_series",
]
