"""Reading event streams, whatever way the network cuts them."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from pd_e2e.loadgen.stream import StreamReading

ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}\n\n'
TOKENS = b'data: {"choices":[{"delta":{"content":"ab cd"}}],"usage":null}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"


def read(*parts: tuple[bytes, float]) -> StreamReading:
    reading = StreamReading()
    for data, seconds in parts:
        reading.feed(data, seconds)
    return reading


def test_first_and_last_token_are_the_first_and_last_events_with_text() -> None:
    reading = read((ROLE, 1.0), (TOKENS, 2.0), (TOKENS, 3.0), (TOKENS, 6.0), (USAGE + DONE, 7.0))

    assert (reading.first_token_seconds, reading.last_token_seconds) == (2.0, 6.0)
    assert reading.tpot_seconds == (6.0 - 2.0) / 4
    assert (reading.prompt_tokens, reading.output_tokens) == (7, 5)
    assert reading.done


def test_time_per_token_of_a_single_token_is_undefined() -> None:
    one = USAGE.replace(b'"completion_tokens":5', b'"completion_tokens":1')
    assert math.isnan(read((TOKENS, 1.0), (one + DONE, 2.0)).tpot_seconds)


def test_a_stream_without_its_end_mark_is_not_done() -> None:
    assert not read((ROLE + TOKENS + USAGE, 1.0)).done


def test_an_error_event_is_kept() -> None:
    error = b'data: {"error":{"message":"out of memory","code":500}}\n\n'
    assert "out of memory" in read((ROLE + error, 1.0)).error


def test_text_that_looks_like_an_error_is_none() -> None:
    text = TOKENS.replace(b"ab cd", b'data: {\\"error\\": 1}')
    assert read((text, 1.0)).error == ""


def test_an_unreadable_usage_is_an_error_and_not_a_crash() -> None:
    for nonsense in (b"{}", b'{"prompt_tokens":"many","completion_tokens":1}', b'{"prompt'):
        reading = read((b'data: {"usage":' + nonsense + b"}\n\n", 1.0))
        assert "unreadable usage" in reading.error


@given(st.lists(st.integers(0, 400), max_size=12))
def test_events_may_be_cut_anywhere(cuts: list[int]) -> None:
    whole = ROLE + TOKENS + TOKENS + USAGE + DONE
    edges = [0, *sorted(cuts), len(whole)]
    reading = read(
        *((whole[left:right], float(right)) for left, right in itertools.pairwise(edges))
    )
    assert reading.done
    assert reading.output_tokens == 5
    assert reading.error == ""
    assert reading.first_token_seconds is not None
    # An event counts as arrived when its last byte has.
    assert reading.first_token_seconds >= len(ROLE + TOKENS)


def test_lines_may_end_as_the_standard_also_allows() -> None:
    whole = (TOKENS + USAGE + DONE).replace(b"\n", b"\r\n")
    assert read((whole[:90], 1.0), (whole[90:], 2.0)).done
