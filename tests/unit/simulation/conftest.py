"""A service with simple numbers."""

import pytest

from pd_operator.performance import EngineSurfaces
from pd_operator.simulation import ServiceModel


@pytest.fixture
def service(surfaces: EngineSurfaces) -> ServiceModel:
    """Moves 1 MB/ms, a thousand tokens' KV, with nothing on top."""
    return ServiceModel(
        surfaces, surfaces, transfer_bytes_per_second=1e9, transfer_base_seconds=0.0
    )
