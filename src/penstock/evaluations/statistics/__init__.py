"""What scores say and how sure that is. Pure functions of numbers; scipy is imported only where it is used."""

from penstock.evaluations.statistics.differences import Difference, paired
from penstock.evaluations.statistics.epochs import least_epochs, pass_at_k, pass_hat_k, reducer
from penstock.evaluations.statistics.estimates import Estimate, estimate
from penstock.evaluations.statistics.multiple import holm
from penstock.evaluations.statistics.power import difference_deviation, minimum_detectable, rows_needed
from penstock.evaluations.statistics.unpaired import Sample, unpaired
from penstock.evaluations.statistics.verdicts import Verdict, verdict

__all__ = [
    "Difference",
    "Estimate",
    "Sample",
    "Verdict",
    "difference_deviation",
    "estimate",
    "holm",
    "least_epochs",
    "minimum_detectable",
    "paired",
    "pass_at_k",
    "pass_hat_k",
    "reducer",
    "rows_needed",
    "unpaired",
    "verdict",
]
