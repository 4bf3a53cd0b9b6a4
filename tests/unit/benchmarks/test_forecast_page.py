"""The page of forecasts is written whole or not at all."""

from scripts.bench_forecast import unmeasured
from scripts.forecast_bench.figures import ModelScores

MEASURED = ModelScores("", {}, {}, {}, {}, None)


def test_where_all_is_measured_nothing_is_lacking() -> None:
    assert unmeasured({"Hedge": MEASURED, "Ewma": MEASURED}, staleness=True, walks=True) == ""


def test_what_is_lacking_is_told_as_commands_that_measure_it() -> None:
    found = {"Hedge": MEASURED, "Ewma": None, "Sarimax": None}
    told = unmeasured(found, staleness=False, walks=True)
    assert told == (
        "`python -m scripts.bench_forecast --models Ewma,Sarimax` and "
        "`python -m scripts.bench_forecast --staleness`"
    )


def test_the_default_s_run_measures_pictures_and_staleness_too() -> None:
    told = unmeasured({"Hedge": MEASURED}, staleness=False, walks=False)
    assert told == "`python -m scripts.bench_forecast --models Hedge`"
