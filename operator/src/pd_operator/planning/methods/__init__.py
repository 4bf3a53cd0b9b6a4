"""Sizing methods of the literature, beside our own: to choose, to compare, to check ours against.

| method | source | how |
|---|---|---|
| Queueing | `planning.prefill`, `planning.decode` | queue before prefill, fixed point of the decode batch, exact search |
| Dopd, DopdAsPublished | arXiv 2511.20982 and its planner | P/D ratio that keeps a full decode batch fed |
| SloAware, SloAwareAsPublished | arXiv 2603.04716 | M/M/1 prefill, decode from its batch curve |

What is corrected, and why, stands in each module. A method that needs a simulation never stands
here: DistServe's is in `pd_operator.placement`.
"""  # noqa: E501 - a table's row is a line

from pd_operator.planning.methods.registry import plan_by, plan_of
from pd_operator.planning.plan import Counts

__all__ = ["Counts", "plan_by", "plan_of"]
