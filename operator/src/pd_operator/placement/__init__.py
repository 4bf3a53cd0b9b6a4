"""DistServe's placement: sizes and counts of workers from goodput that is found by simulation.

It stands above planning since it simulates, which takes seconds, and planning must answer in
milliseconds. Methods that need a simulation belong here; the operator's tick never calls one.
"""

from pd_operator.placement.distserve import Affinity, Unit, place
from pd_operator.placement.goodput import Trial

__all__ = ["Affinity", "Trial", "Unit", "place"]
