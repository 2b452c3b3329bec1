"""Sample checks in the browser: a lead looks at accepted fields drawn at random, on walls of sixty."""

from flows.checking import Standing
from flows.review.office import Office
from flows.sample_rounds import standing_in, standing_of


def standing_now(office: Office) -> Standing:
    """Say how the promise of the exam stands now: measured error rate, its interval, what was reopened."""
    if office.desk.seen is None:
        with office.desk.opener() as store, store.snapshot():
            return standing_in(office.exam, store)
    return standing_of(office.exam, office.desk.rows(), office.store)
