"""How a Prometheus is spoken to, and what is never told of it."""

import ssl

import pytest

from pd_operator.telemetry.access import PrometheusAccess, tls_context
from pd_operator.telemetry.prometheus import PrometheusReader


def test_a_tenant_s_header_goes_beside_a_token() -> None:
    access = PrometheusAccess(token="t", more_headers=(("X-Scope-OrgID", "a"),))
    assert access.headers == {"X-Scope-OrgID": "a", "Authorization": "Bearer t"}


def test_parameters_are_of_every_question() -> None:
    access = PrometheusAccess(parameters=(("dedup", "true"),))
    reader = PrometheusReader("http://127.0.0.1:1", access=access)
    assert reader._prometheus._session.params == {"dedup": "true"}
    reader.close()


def test_no_secret_is_told_however_it_was_sent() -> None:
    access = PrometheusAccess(token="my-token", user="me", password="hunter2")
    sent = "my-token, hunter2, bWU6aHVudGVyMg=="
    assert access.without_secrets(sent) == "***, ***, ***"
    assert "hunter2" not in repr(access)
    assert "my-token" not in repr(access)


def test_a_certificate_that_is_none_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ssl.SSLError):
        tls_context(PrometheusAccess(certificate="none", private_key="none"))
