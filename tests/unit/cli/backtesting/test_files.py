"""Loads from files: what is read, what is cleaned, and what is refused by which words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pd_operator.cli.backtesting.files import FileOptions, read_file
from pd_operator.cli.backtesting.loads import OUTPUT_TOKENS, PROMPT_TOKENS, REQUESTS, LoadError
from pd_operator.cli.backtesting.rows import Rows
from pd_operator.cli.traces.errors import TraceError
from pd_operator.cli.traces.units import TimeOptions, TimeUnit

REFUSED = (LoadError, TraceError)


def written(path: Path, text: str) -> Path:
    file = path / "load.csv"
    file.write_text(text)
    return file


def minutes(path: Path, *values: object, step: int = 60, begin: int = 0) -> Path:
    rows = "\n".join(f"{begin + step * i},{value}" for i, value in enumerate(values))
    return written(path, f"t_s,load\n{rows}\n")


def test_rows_of_a_minute_are_the_bins(tmp_path: Path) -> None:
    loads = read_file(minutes(tmp_path, 1, 2, 3), FileOptions())
    assert loads.series["load"].tolist() == [1, 2, 3]
    assert (loads.bin_seconds, loads.end_seconds, loads.dated) == (60, 180, False)
    assert loads.ratio_of is None


def test_finer_rows_are_averaged_and_a_bin_of_few_rows_is_missing(tmp_path: Path) -> None:
    file = minutes(tmp_path, 1, 3, 5, 7, 9, 11, "", "", "", "", 50, 50, 4, 4, step=10)
    loads = read_file(file, FileOptions())
    np.testing.assert_array_equal(loads.series["load"], [6, np.nan, np.nan])


def test_missing_rows_are_missing_bins(tmp_path: Path) -> None:
    text = "t_s,load\n" + "".join(f"{60 * i},{i}\n" for i in range(30) if not 10 <= i < 13)
    loads = read_file(written(tmp_path, text), FileOptions())
    assert np.isnan(loads.series["load"][10:13]).all()
    assert np.count_nonzero(np.isnan(loads.series["load"])) == 3


def test_of_rows_of_one_time_the_last_counts(tmp_path: Path) -> None:
    loads = read_file(written(tmp_path, "t_s,load\n0,1\n60,2\n60,9\n120,3\n"), FileOptions())
    assert loads.series["load"].tolist() == [1, 9, 3]


def test_dates_and_parquet_are_read_as_well(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "timestamp": pd.date_range("2026-11-20T08:00Z", periods=5, freq="5min"),
            "input_tokens": [10.0, 20.0, 30.0, 40.0, 50.0],
            "output_tokens": [1, 2, 3, 4, 5],
            "region": ["eu"] * 5,
        }
    )
    frame.to_parquet(tmp_path / "load.parquet")
    frame.to_csv(tmp_path / "load.csv", index=False)
    for name in ("load.parquet", "load.csv"):
        loads = read_file(tmp_path / name, FileOptions())
        assert list(loads.series) == ["input_tokens", "output_tokens"]
        assert loads.ratio_of == ("input_tokens", "output_tokens")
        assert loads.bin_seconds == 300
        assert loads.dated
        assert loads.end_seconds == pd.Timestamp("2026-11-20T08:25Z").timestamp()


def test_requests_are_counted_and_their_tokens_summed(tmp_path: Path) -> None:
    text = "arrival_s,input_tokens,output_tokens\n1,100,10\n2,200,20\n130,300,30\n200,1,1\n"
    loads = read_file(written(tmp_path, text), FileOptions())
    np.testing.assert_allclose(loads.series[REQUESTS] * 60, [2, 0, 1])
    np.testing.assert_allclose(loads.series[PROMPT_TOKENS] * 60, [300, 0, 300])
    np.testing.assert_allclose(loads.series[OUTPUT_TOKENS] * 60, [30, 0, 30])
    assert loads.ratio_of == (PROMPT_TOKENS, OUTPUT_TOKENS)


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    file = written(tmp_path, "when,a,b\n0,1,2\n60,3,4\n")
    loads = read_file(
        file, FileOptions(TimeOptions("when", TimeUnit.SECONDS), columns=("b",), bin_seconds=60)
    )
    assert list(loads.series) == ["b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t_s,load\n0,1\n60,inf\n", "row 2: load is infinite"),
        ("t_s,load\n0,1\n60,-2\n", "row 2: load is negative"),
        ("t_s,load\n0,1\n60,2\n30,3\n", "row 3: time goes back from 60 to 30"),
        ("t_s,load\n0,1\n,2\n", "row 2: 'nan' is no time"),
        ("t_s,load\nsoon,1\nlater,2\n", "row 1: 'soon' is no time"),
        ("t_s,load\n1790000000000,1\n1790000060000,2\n", "1790000000000 is after the year 2100"),
        (
            "t_s,load\n0,1\n60,2\n120,2\n180,2\n240,2\n300,2\n2.9e8,3\n",
            "spans 4,833,333 bins of 60 s",
        ),
        ("t_s,load\n0,1\n0,2\n", "all rows are of the same time"),
        ("t_s,load\n0,a\n60,b\n", "none of the columns ['load'] holds numbers"),
        ("when,load\n0,1\n60,2\n", "none of the columns ['when', 'load'] is one of times"),
        ("t_s,load\n0,1\n", "has 1 rows; a load needs at least two"),
        ("", "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(REFUSED) as refused:
        read_file(written(tmp_path, text), FileOptions())
    assert words in str(refused.value)


def test_a_mixed_resolution_is_refused(tmp_path: Path) -> None:
    times = [*range(0, 600, 10), *range(600, 3600, 60)]
    text = "t_s,load\n" + "".join(f"{t},1\n" for t in times)
    with pytest.raises(
        (LoadError, TraceError), match=r"rows come every 10 s, but 49 of 109 times at another"
    ):
        read_file(written(tmp_path, text), FileOptions())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (FileOptions(TimeOptions("t")), "no column is called 't'"),
        (FileOptions(columns=("tokens",)), "has no column 'tokens'"),
        (FileOptions(bin_seconds=30), "rows come every 60 s, so bins of 30 s cannot be had"),
    ],
)
def test_options_that_do_not_fit_the_file_are_named(
    tmp_path: Path, options: FileOptions, words: str
) -> None:
    with pytest.raises(REFUSED, match=words):
        read_file(minutes(tmp_path, 1, 2, 3), options)


def test_a_request_without_tokens_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, "t_s,input_tokens\n1,100\n2,\n90,3\n")
    with pytest.raises(
        (LoadError, TraceError), match="row 2: input_tokens of a request is missing"
    ):
        read_file(file, FileOptions(rows=Rows.REQUESTS))


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(REFUSED, match="cannot be read"):
        read_file(tmp_path / name, FileOptions())
