"""One conversation with Prometheus: bounded in time, and its failures in words."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from requests import RequestException
from urllib3.util import Retry

from pd_operator.api.conditions import ConditionReason
from pd_operator.telemetry.access import PrometheusAccess
from pd_operator.telemetry.secrets import without_secrets

Samples = list[tuple[float, float]]
"""(Unix seconds, value), ascending."""

REFUSED_CONNECTION_RETRY = Retry(
    total=1,
    connect=1,
    read=0,
    backoff_factor=0.2,
    status_forcelist=(502, 503, 504),
    raise_on_status=False,
    # A Retry-After of minutes would outlast every deadline.
    respect_retry_after_header=False,
)
"""Once more, for a Prometheus that restarts; a slow answer is not asked for twice."""


class PrometheusError(Exception):
    """No usable answer: `reason` is a word for a condition, the message says what to do."""

    def __init__(self, reason: ConditionReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RefusedError(PrometheusError):
    """Prometheus answered, and that it does not answer this, or not wholly."""


@dataclass(frozen=True)
class Series:
    """One series of an answer."""

    labels: Mapping[str, str]
    samples: Samples


class IncompleteAnswerError(Exception):
    """Prometheus, or what stands in its place, says that its answer is not the whole."""


QUESTION_LABEL = "pd_question"
"""Tells the answers to several questions of one request apart."""

LONGEST_TOGETHER = 7000
"""Bytes of a query as a URL has them: proxies take 8 kB of a line."""

HARMLESS_INFO = "metric might not be a counter"
"""Prometheus' advice about a name; every other remark is about the data."""


def wary_session() -> requests.Session:
    """A session whose answers raise `IncompleteAnswerError` where they have a remark beside them.

    Thanos and its like answer with what they could reach and a warning; Prometheus warns of
    mixed data, and informs of samples that it left out. The client library drops both.
    """
    session = requests.Session()
    session.hooks["response"].append(_refuse_incomplete)
    return session


def _refuse_incomplete(answer: requests.Response, **_: Any) -> None:
    try:
        document = answer.json()
    except ValueError:
        return  # The client library makes its own error of what is no JSON.
    if not isinstance(document, dict):
        return
    remarks = [
        str(remark)
        for beside in ("warnings", "infos")
        for remark in document.get(beside) or ()
        if HARMLESS_INFO not in str(remark)
    ]
    if remarks:
        raise IncompleteAnswerError("; ".join(remarks))


class PrometheusSession:
    """Several questions that together have `timeout_seconds`, a second more or less.

    Each method raises `PrometheusError`. Not for use by several threads at once.
    """

    def __init__(
        self, prometheus: PrometheusConnect, timeout_seconds: float, access: PrometheusAccess
    ) -> None:
        self._prometheus = prometheus
        self._access = access
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._known: dict[tuple[str, float], list[Series]] = {}

    def ask_ahead(self, queries: Sequence[str], at_seconds: float) -> None:
        """Ask for several vectors in few requests, so that `ask` has the answers when it is asked.

        A request costs both sides more than a question does. Where several together are refused,
        each will be asked by itself.
        """
        with suppress(RefusedError):
            for together in _together(queries):
                answers = self._ask(" or ".join(_numbered(together)), at_seconds)
                known = self._by_question(answers)
                for number, query in enumerate(together):
                    self._known[query, at_seconds] = known.get(number, [])

    def _by_question(self, answers: list[Series]) -> dict[int, list[Series]]:
        found: dict[int, list[Series]] = {}
        for one in answers:
            labels = dict(one.labels)
            number = labels.pop(QUESTION_LABEL, "")
            if not number.isdecimal():
                raise self._error("mixes answers up", kind=RefusedError)
            found.setdefault(int(number), []).append(Series(labels, one.samples))
        return found

    def ask(self, query: str, at_seconds: float) -> list[Series]:
        """The vector that `query` is at a moment."""
        known = self._known.get((query, at_seconds))
        return self._ask(query, at_seconds) if known is None else known

    def _ask(self, query: str, at_seconds: float) -> list[Series]:
        def ask(limit: int) -> list[Series]:
            moment = {"time": f"{at_seconds:.3f}"}
            answer = self._prometheus.custom_query(query, params=moment, timeout=limit)
            return [_series(item["metric"], [item["value"]]) for item in answer]

        return self._bounded(ask)

    def ask_number(self, query: str, at_seconds: float) -> float | None:
        """The one value of `query` at a moment; None where there is no series."""
        series = self.ask(query, at_seconds)
        return series[0].samples[-1][1] if series else None

    def ask_range(
        self, query: str, first_seconds: float, last_seconds: float, bin_seconds: float
    ) -> list[Series]:
        """`query` at `first_seconds` and every step up to and with `last_seconds`."""
        first, last = (
            datetime.fromtimestamp(moment, UTC) for moment in (first_seconds, last_seconds)
        )
        # The client rounds its own start and end to whole seconds; these override them.
        exact = {"start": f"{first_seconds:.3f}", "end": f"{last_seconds:.3f}"}

        def ask(limit: int) -> list[Series]:
            answer = self._prometheus.custom_query_range(
                query, first, last, f"{bin_seconds:.3f}", params=exact, timeout=limit
            )
            return [_series(item["metric"], item["values"]) for item in answer]

        return self._bounded(ask)

    def _bounded(self, ask: Callable[[int], list[Series]]) -> list[Series]:
        """The answer, asked for in the time that is left; every failure becomes a sentence."""
        left = self._deadline - time.monotonic()
        if self._access.fault:
            raise self._error(f"is not asked: {self._access.fault}")
        try:
            if left <= 0:
                raise TimeoutError(f"no answer within {self._timeout_seconds:g} s")
            return ask(math.ceil(left))
        except IncompleteAnswerError as error:
            raise self._error(
                f"does not vouch for its answer: {error}. Look at what stands behind it.",
                ConditionReason.METRICS_INCOMPLETE,
                kind=RefusedError,
            ) from error
        except PrometheusApiClientException as error:
            raise self._error(
                f"refused a query: {error}. Is this the address of a Prometheus, and may the "
                "operator read from it (spec.metrics.bearerTokenSecret, basicAuthSecret)?",
                kind=RefusedError,
            ) from error
        except (RequestException, OSError) as error:
            raise self._error(
                f"does not answer ({_cause(error)}). Check spec.metrics.prometheusUrl and that "
                "Prometheus runs."
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise self._error(
                f"answered something that is not Prometheus' ({error!r}). Check "
                "spec.metrics.prometheusUrl."
            ) from error

    def _error(
        self,
        words: str,
        reason: ConditionReason = ConditionReason.PROMETHEUS_UNREACHABLE,
        *,
        kind: type[PrometheusError] = PrometheusError,
    ) -> PrometheusError:
        url = self._prometheus.url
        said = self._access.without_secrets(without_secrets(f"{url} {words}", url))
        return kind(reason, said)


def _together(queries: Sequence[str]) -> Iterator[list[str]]:
    """The queries, as many at a time as one URL has room for."""
    together: list[str] = []
    room = LONGEST_TOGETHER
    for query in dict.fromkeys(queries):
        length = len(quote_plus(*_numbered([query])))
        if together and length > room:
            yield together
            together, room = [], LONGEST_TOGETHER
        together.append(query)
        room -= length
    if together:
        yield together


def _numbered(queries: Sequence[str]) -> list[str]:
    """Each with its number as a label, so that none hides another's series."""
    return [
        f'label_replace({query},"{QUESTION_LABEL}","{number}","","")'
        for number, query in enumerate(queries)
    ]


def _cause(error: OSError) -> str:
    """What went wrong at the bottom, without the layers and the query around it."""
    inner = error.args[0] if error.args else error
    reason = getattr(inner, "reason", inner)
    return str(reason).rpartition(": ")[2] or type(error).__name__


def _series(labels: Mapping[str, str], values: list[list[Any]]) -> Series:
    return Series(labels, [(float(moment), float(value)) for moment, value in values])
