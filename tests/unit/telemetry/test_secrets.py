"""What an address holds in confidence reaches nobody's eyes."""

import base64

import pytest

from pd_operator.api.names import ServiceKey
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.secrets import printable, without_secrets

SECRETS = ("hunter2", "h%75nter2", "me:hunter2", base64.b64encode(b"me:hunter2").decode())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://prometheus:9090", "http://prometheus:9090"),
        ("https://me:hunter2@mimir.example/prometheus", "https://mimir.example/prometheus"),
        ("https://hunter2@mimir.example", "https://mimir.example"),
        ("http://prometheus:9090/?token=hunter2#x", "http://prometheus:9090/"),
        ("http://[::1]:9090/a@b", "http://[::1]:9090/a@b"),
        ("https://me:a@hunter2@mimir.example", "https://mimir.example"),
    ],
)
def test_an_address_is_printed_without_its_secrets(url: str, shown: str) -> None:
    assert printable(url) == shown


@pytest.mark.parametrize("secret", SECRETS)
def test_a_server_that_repeats_what_it_was_sent_is_quoted_without_it(secret: str) -> None:
    url = "https://me:h%75nter2@mimir.example"
    said = without_secrets(f"401 for {url}: {secret} is wrong", url)
    assert not any(one in said for one in SECRETS)
    assert "mimir.example" in said


def test_an_address_without_secrets_changes_no_text() -> None:
    assert without_secrets("it said: a:b@c", "http://prometheus:9090") == "it said: a:b@c"


def test_readings_of_an_address_with_a_password_do_not_show_it() -> None:
    reader = PrometheusReader("http://me:hunter2@127.0.0.1:1", timeout_seconds=0.5)
    history = reader.demand_history(ServiceKey("team", "chat"), 0.0, 600.0, 60.0)
    assert isinstance(history, Unknown)
    assert "hunter2" not in f"{history}"
    assert "http://127.0.0.1:1" in history.message
