"""Without the extra (600 MB) only its absence can be tested; the bundled profiles came from it."""

from importlib.util import find_spec

import pytest

from pd_operator.performance import ProfileError
from pd_operator.performance.aiconfigurator import Order, compute_profile


@pytest.mark.skipif(find_spec("aiconfigurator_core") is not None, reason="the extra is installed")
def test_without_the_extra_the_way_to_get_it_is_told() -> None:
    with pytest.raises(ProfileError, match=r"pip install 'pd-operator\[aiconfigurator\]'"):
        compute_profile(Order("org/model", "h100_sxm", (1,)))


@pytest.mark.skipif(find_spec("aiconfigurator_core") is None, reason="needs the extra")
def test_a_model_that_is_not_known_is_named() -> None:
    with pytest.raises(ProfileError, match="cannot compute 'org/model' on 'h100_sxm'"):
        compute_profile(Order("org/model", "h100_sxm", (1,)))
