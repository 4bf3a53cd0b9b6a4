"""What SGLang must do for a worker to be lent, and to come back."""

import time

from pd_e2e.engine.processes import Process, until

Pair = tuple[Process, Process]


def test_a_worker_takes_the_other_role_and_its_own_again(real: Pair) -> None:
    prefill = real[0]
    until(lambda: prefill.load()["num_running_reqs"] == 0, "it is idle")
    for role in ("decode", "prefill"):
        begun = time.monotonic()
        answer = prefill.post(
            "/pd_role_switch", {"new_role": role, "decode_cuda_graph_memory_gb": 0}
        )
        assert answer[0] == 200, answer
        assert time.monotonic() - begun < 30
        assert prefill.get_json("/model_info")["disaggregation_mode"] == role
