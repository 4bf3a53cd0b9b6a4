"""A real Prometheus that wants a client's certificate and a password, by its own `web.config`."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from pd_e2e.cluster.binaries import Programs
from pd_operator.telemetry.access import PrometheusAccess
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import OWN_SERIES, SeriesOfOneCluster

from .conftest import running_prometheus
from .written import NOW, SCRAPE, Written, key, known, unknown, write_lengths, write_requests

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates"
)

PASSWORD = "correct horse"
HASH = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
"""Its bcrypt, at the least cost: a test need not hold off anybody."""

WEB_CONFIG = f"""
tls_server_config:
  cert_file: pair.crt
  key_file: pair.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: pair.crt
basic_auth_users:
  reader: {HASH}
"""


@dataclass(frozen=True)
class Guarded:
    """Where it is, and what it takes to be let in."""

    url: str
    access: PrometheusAccess

    def demand(self, *labels: tuple[str, str], **changes: Any) -> Any:
        series = SeriesOfOneCluster(OWN_SERIES, labels) if labels else OWN_SERIES
        access = replace(self.access, **changes)
        reader = PrometheusReader(
            self.url, scrape_interval_seconds=SCRAPE, access=access, series=series
        )
        try:
            return reader.demand(key("chat"), NOW, 60)
        finally:
            reader.close()


@pytest.fixture(scope="module")
def guarded(binaries: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """It holds the same load twice: that of cluster a, and twice as much of cluster b."""
    directory = tmp_path_factory.mktemp("guarded")
    certificate, private_key = _pair(directory)
    web_config = directory / "web.yaml"
    web_config.write_text(WEB_CONFIG)
    lines = [*_load("a", 2.0), *_load("b", 4.0)]
    visitor = requests.Session()
    visitor.trust_env = False  # REQUESTS_CA_BUNDLE would win over what is trusted here
    visitor.auth = ("reader", PASSWORD)
    visitor.verify = str(certificate)
    visitor.cert = (str(certificate), str(private_key))
    text = "\n".join(lines)
    with running_prometheus(binaries, directory, text, web_config, visitor) as (url, _):
        access = PrometheusAccess(
            user="reader",
            password=PASSWORD,
            authority=certificate.read_text(),
            certificate=certificate.read_text(),
            private_key=private_key.read_text(),
        )
        yield Guarded(url, access)


def _pair(directory: Path) -> tuple[Path, Path]:
    """A certificate for both sides that vouches for itself, and its key."""
    certificate, private_key = directory / "pair.crt", directory / "pair.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=test",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-addext", "extendedKeyUsage=serverAuth,clientAuth"),
            *("-keyout", str(private_key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, private_key


def _load(cluster: str, rate: float) -> list[str]:
    page = Written()
    write_requests(page, "chat", rate)
    write_lengths(page, "chat", rate)
    return [line.replace('namespace="', f'cluster="{cluster}",namespace="') for line in page.lines]


def test_the_load_is_read_with_password_and_certificate(guarded: Guarded) -> None:
    known(guarded.demand())


def test_each_cluster_s_load_is_its_own(guarded: Guarded) -> None:
    rates = {
        name: known(guarded.demand(("cluster", name))).value.requests_per_second
        for name in ("a", "b")
    }
    assert rates == {"a": pytest.approx(2.0), "b": pytest.approx(4.0)}
    assert unknown(guarded.demand(("cluster", 'c"} or up{x="'))).reason == "NoSeries"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong horse"}, "401"),
        ({"user": "", "password": ""}, "401"),
        ({"certificate": "", "private_key": ""}, "does not answer"),
        ({"authority": ""}, "self-signed certificate"),
    ],
    ids=["wrong password", "no password", "no certificate", "not trusted"],
)
def test_who_is_not_let_in_knows_no_load_and_repeats_no_secret(
    guarded: Guarded, changes: dict[str, str], words: str
) -> None:
    reading = unknown(guarded.demand(**changes))
    assert reading.reason == "PrometheusUnreachable"
    assert words in reading.message
    assert "horse" not in reading.message


def test_headers_and_parameters_go_with_every_question(guarded: Guarded) -> None:
    """Prometheus knows the parameter `timeout`, and refuses one that is none."""
    known(guarded.demand(more_headers=(("X-Scope-OrgID", "team-a"),)))
    assert "timeout" in unknown(guarded.demand(parameters=(("timeout", "never"),))).message
