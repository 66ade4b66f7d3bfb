"""One check of one case in one dtype, by itself."""

from __future__ import annotations

from .candidate import outputs
from .check_gradients import Gradients
from .check_values import Values
from .compare import FORMATS
from .regimes import Case
from .report import Failure
from .trial import Calls, Subject, Trial, raised
from .truth import Truths


def probe(
    subject: Subject, truths: Truths, the_case: Case, dtype: str, check: str
) -> Failure | None:
    """The worst failure of `values` or `gradients` at a case; None where the check passes, or
    the numbers do not fit the format."""
    truth = truths.of(the_case)
    if not truth.fits(FORMATS[dtype]):
        return None
    held = Values(subject) if check == "values" else Gradients(subject)
    with subject.default_dtype(dtype):
        call = subject.arguments(the_case, dtype, gradients=False)
        try:
            found = outputs(subject.module, subject.candidate.function(**call.keywords))
        except Exception as error:
            subject.broken(held.check, the_case, dtype, raised(error))
        else:
            noise = truths.noise(the_case, dtype)
            calls = Calls({}, frozenset(), found, found, frozenset())
            held.hold(Trial(truth, dtype, *noise, calls))
    return max(held.check.failures, key=lambda failure: failure.ratio, default=None)
