"""What holds of the experts' shares, whatever their errors."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pd_forecasting.base import FloatArray
from pd_forecasting.expert_losses import ExpertLosses

EXPERTS = 4
errors = hnp.arrays(
    np.float64,
    st.tuples(st.just(EXPERTS), st.integers(2, 120)),
    elements=st.just(np.nan) | st.floats(0.0, 1e6),
)
quick = settings(deadline=None)


def shares(known: FloatArray) -> FloatArray:
    everyone = np.ones(known.shape, dtype=bool)
    return ExpertLosses.none(EXPERTS).after(known).shares(everyone)


def assert_same_sums(one: ExpertLosses, other: ExpertLosses) -> None:
    for name, sums in vars(one).items():
        np.testing.assert_allclose(sums, vars(other)[name], rtol=1e-9, atol=1e-9)


@given(known=errors)
@quick
def test_shares_are_whole_and_none_is_below_a_tenth_of_the_largest(known: FloatArray) -> None:
    found = shares(known)
    np.testing.assert_allclose(found.sum(axis=0), 1.0)
    small = found < 0.099 * found.max(axis=0)
    assert (found[small] == 0.0).all()


@given(known=errors, cut=st.integers(1, 119))
@quick
def test_errors_that_come_in_parts_say_what_they_say_at_once(known: FloatArray, cut: int) -> None:
    cut = min(cut, known.shape[1] - 1)
    whole = ExpertLosses.none(EXPERTS).after(known)
    part = ExpertLosses.none(EXPERTS).after(known[:, :cut]).latest
    assert_same_sums(part.after(known[:, cut:]).latest, whole.latest)


@given(known=errors, later=errors)
@quick
def test_later_errors_change_nothing_that_was_known_before(
    known: FloatArray, later: FloatArray
) -> None:
    bins = known.shape[1]
    longer = ExpertLosses.none(EXPERTS).after(np.hstack([known, later]))
    before = ExpertLosses(**{name: sums[..., :bins] for name, sums in vars(longer).items()})
    assert_same_sums(before, ExpertLosses.none(EXPERTS).after(known))


@given(bins=st.integers(61, 200), level=st.floats(1e-3, 1e3), spread=st.floats(0.01, 1.0))
@quick
def test_more_scatter_at_the_same_mean_never_earns_a_larger_share(
    bins: int, level: float, spread: float
) -> None:
    last = np.full(2 * bins, level)
    sign = np.where(np.arange(2 * bins) % 2, 1.0, -1.0)
    calm = 0.9 * last
    rough = calm * (1 + spread * sign)
    missing = np.full(2 * bins, np.nan)

    def of_expert(misses: FloatArray) -> float:
        return float(shares(np.stack([last, misses, missing, missing]))[1, -1])

    assert of_expert(rough) <= of_expert(calm) + 0.02
