"""How a tick finds out what a Prometheus wants to be shown."""

from typing import cast

import pytest
from tests.unit.controller.stand_ins import MemoryCluster

from pd_operator.actuation.cluster import Cluster
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.tick import prometheus_access
from pd_operator.controller.tick.prometheus_access import read_access


async def test_a_tick_reads_no_certificates_where_none_is_wanted(
    result: TickResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All public authorities are some 30 ms, in which no other service is ticked."""

    def read_them_all(*_: object) -> None:
        raise AssertionError("the authorities were read")

    monkeypatch.setattr(prometheus_access, "tls_context", read_them_all)
    access = await read_access(cast("Cluster", MemoryCluster()), result.service)
    assert not access.fault
    assert not access.own_tls
