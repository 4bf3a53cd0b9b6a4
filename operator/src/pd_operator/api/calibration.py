"""What the regions of a calibration count, and when one is believed."""

from pd_operator.api.roles import Role

MINIMUM_SAMPLES = 5
"""A median of fewer is not acted on."""

UNITS = {Role.PREFILL: "tokens", Role.DECODE: "sequences"}
"""What the numbers in the regions' names count."""
