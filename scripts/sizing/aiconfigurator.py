"""GPUs of our plans beside those that aiconfigurator 0.12.0 recommends on the same tables."""

from dataclasses import dataclass

from scripts.sizing.cases import Case, Model, Outcome

from pd_operator.api.router import PrefillPolicy

# Recommended by `cli_recommend` for 1155 and 211 tokens, disaggregated: both of its pools are sized
# for the mean load with capacities derated by 0.9 and 0.92, and pairs of pools are repeated whole.
UTILISATION_CAP = 0.95
"""For this comparison only: at 150 requests/s it takes prefill beyond our default of 0.85."""


@dataclass(frozen=True)
class Comparison:
    """A case, and GPUs: aiconfigurator's, and the goal for ours."""

    name: str
    model: Model
    requests_per_second: float
    recommended: int
    goal: int

    def case(self, utilisation_cap: float = UTILISATION_CAP) -> Case:
        """The load, behind a router that knows every worker's load, all sizes open."""
        return Case(
            self.model,
            self.requests_per_second,
            PrefillPolicy.LEAST_LOAD,
            utilisation_cap=utilisation_cap,
        )

    def simulated(self) -> Outcome:
        """What our plan comes to by simulation."""
        case = self.case()
        pools = case.sizing.plan
        return case.simulated(pools.prefill.workers, pools.decode.workers)


COMPARISONS = (
    Comparison("qwen3-32b-h100-20", Model("qwen3-32b-h100", 2, 1000, 40), 20, 8, 6),
    Comparison("llama-3.1-8b-h100-50", Model("llama-3.1-8b-h100", 1, 300, 12), 50, 4, 4),
    Comparison("llama-3.1-70b-h100-20", Model("llama-3.1-70b-h100", 4, 800, 25), 20, 16, 12),
    Comparison("llama-3.1-70b-h100-150", Model("llama-3.1-70b-h100", 4, 800, 25), 150, 120, 76),
)
