"""Whatever samples come: a typed error, or a series with nothing in it that was not measured."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pd_forecasting import BadSeriesError, Cleaning, LastValue, SampledForecaster, Series
from pd_forecasting.base import FloatArray

STEP = 60.0
START = 1_700_000_000.0

anything = hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(width=64))
times = hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 360_000), unique=True).map(
    lambda hundredths: hundredths / 100
)
loads = st.floats(0, 1e9)
quick = settings(deadline=None)


@given(moments=anything, values=anything)
@quick
def test_any_numbers_are_refused_or_give_loads_and_holes(
    moments: FloatArray, values: FloatArray
) -> None:
    for build in (Series.of_samples, Series.of_counter):
        try:
            series = build(moments, values, STEP, most_bins=100)
        except BadSeriesError:
            continue
        assert len(series.values) <= 101
        known = series.values[~np.isnan(series.values)]
        assert np.isfinite(known).all()
        assert (known >= 0).all()
        assert series.cleaning.dropped <= len(values)


@given(moments=times, data=st.data())
@quick
def test_a_bin_is_the_mean_of_its_samples_and_missing_where_there_is_none(
    moments: FloatArray, data: st.DataObject
) -> None:
    values = data.draw(hnp.arrays(np.float64, len(moments), elements=loads))
    series = Series.of_samples(moments, values, STEP, end_seconds=7200)
    for index, load in enumerate(series.values):
        begin = series.start_seconds + index * STEP
        inside = values[(moments > begin) & (moments <= begin + STEP)]
        assert np.isnan(load) == (len(inside) == 0)
        if len(inside):
            assert load == pytest.approx(inside.mean(), rel=1e-9)


@given(moments=times, data=st.data())
@quick
def test_the_order_in_which_samples_come_does_not_matter(
    moments: FloatArray, data: st.DataObject
) -> None:
    values = data.draw(hnp.arrays(np.float64, len(moments), elements=loads))
    order = data.draw(st.permutations(range(len(moments))))
    for build in (Series.of_samples, Series.of_counter):
        whole, shuffled = (
            build(START + moments[i], values[i], STEP) for i in (np.arange(len(moments)), order)
        )
        np.testing.assert_array_equal(whole.values, shuffled.values)
        assert whole.start_seconds == shuffled.start_seconds


@given(
    growth=hnp.arrays(np.float64, st.integers(20, 60), elements=st.floats(0, 1e6)), data=st.data()
)
@quick
def test_a_counter_loses_nothing_by_beginning_again(
    growth: FloatArray, data: st.DataObject
) -> None:
    restarts = data.draw(st.sets(st.integers(1, len(growth) - 1)))
    total, counts = 0.0, []
    for index, added in enumerate(growth):
        total = added if index in restarts else total + added
        counts.append(total)
    moments = START + 15.0 * np.arange(len(growth))
    steady = Series.of_counter(moments, np.cumsum(growth), STEP)
    restarted = Series.of_counter(moments, counts, STEP)
    # A restart that added more than there was looks like growth: nothing can tell.
    visible = all(counts[i] < counts[i - 1] for i in restarts)
    if visible:
        assert restarted.cleaning.resets == len(restarts)
        np.testing.assert_allclose(restarted.values, steady.values, rtol=1e-6, atol=1e-6)


@given(
    growth=hnp.arrays(np.float64, st.integers(12, 60), elements=st.floats(0, 1e6)),
    every=st.sampled_from([5.0, 15.0, 60.0, 120.0, 240.0]),
)
@quick
def test_all_that_a_counter_grew_is_in_some_bin(growth: FloatArray, every: float) -> None:
    start = STEP * round(START / STEP)
    moments = start + every * np.arange(len(growth) + 1)
    counts = np.concatenate([[7.0], 7.0 + np.cumsum(growth)])
    series = Series.of_counter(moments, counts, STEP)
    covered = len(series.values) * STEP
    grown = np.interp(start + covered, moments, counts) - 7.0
    assert series.start_seconds == start
    assert np.nansum(series.values) * STEP == pytest.approx(grown, rel=1e-6, abs=1e-3)


@given(moments=times, data=st.data())
@quick
def test_samples_one_by_one_make_the_bins_that_all_at_once_make(
    moments: FloatArray, data: st.DataObject
) -> None:
    ascending = START + np.sort(moments)
    values = data.draw(hnp.arrays(np.float64, len(moments), elements=loads))
    streamed = SampledForecaster(LastValue(), STEP)
    for moment, value in zip(ascending, values, strict=True):
        streamed.update([moment], [value])
        streamed = SampledForecaster.restore(LastValue, streamed.state())
    whole = Series.of_samples(ascending, values, STEP)
    if len(whole.values) == 0:
        assert streamed.end_seconds == -np.inf
        return
    model = LastValue()
    model.update(whole.values)
    assert streamed.end_seconds == whole.end_seconds
    assert streamed.model.state() == model.state()


@given(moments=anything, values=anything)
@quick
def test_a_refused_update_changes_nothing(moments: FloatArray, values: FloatArray) -> None:
    forecaster = SampledForecaster(LastValue(), STEP)
    forecaster.update(START + STEP * np.arange(10), np.arange(10.0))
    before = forecaster.state()
    try:
        cleaning = forecaster.update(moments, values)
    except BadSeriesError:
        assert forecaster.state() == before
    else:
        assert isinstance(cleaning, Cleaning)
        assert cleaning.dropped <= len(values)
