"""What an address holds in confidence reaches nobody's eyes."""

import base64

import pytest

from pd_operator.api.names import ServiceKey
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.secrets import printable, redacted, without_secrets

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


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("api_key='hunter2', tp_size=2", "api_key='***', tp_size=2"),
        ("HF_TOKEN=hunter2 is not valid", "HF_TOKEN=*** is not valid"),
        ('{"password": "hunter2"}', '{"password": "***"}'),
        ("Authorization: Bearer hunter2hunter2", "Authorization: ***"),
        ("sent Bearer hunter2hunter2==", "sent ***"),
        ("401 for hf_hunter2hunter2.", "401 for ***"),
        (
            "404 for https://me:hunter2@s3.example/m/a.bin?X-Amz-Signature=hunter2&x=1 gone",
            "404 for https://s3.example/m/a.bin gone",
        ),
        ("max_total_tokens=8192 token_usage 0.5", "max_total_tokens=8192 token_usage 0.5"),
        ("No such file: '/models/llama@v2?'", "No such file: '/models/llama@v2?'"),
    ],
)
def test_of_the_words_of_another_program_what_is_called_or_looks_like_a_secret_is_hidden(
    said: str, shown: str
) -> None:
    assert redacted(said) == shown
    assert "hunter2" not in redacted(said)


def test_readings_of_an_address_with_a_password_do_not_show_it() -> None:
    reader = PrometheusReader("http://me:hunter2@127.0.0.1:1", timeout_seconds=0.5)
    history = reader.demand_history(ServiceKey("team", "chat"), 0.0, 600.0, 60.0)
    assert isinstance(history, Unknown)
    assert "hunter2" not in f"{history}"
    assert "http://127.0.0.1:1" in history.message
