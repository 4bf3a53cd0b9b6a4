"""What Dynamo 1.5.1 tells a scaling policy at a tick: the part of it that is read here."""

from pydantic import BaseModel, ConfigDict


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ForwardPass(_Told):
    """A worker's last pass, however long ago, and what waited at its end.

    - `wall_time`: its seconds; `sum_prefill_tokens`: prompt tokens that it computed.
    - `sum_queued_prefill_tokens`: prompt tokens that waited; `sum_decode_kv_tokens`: KV of the
      batch; `sum_queued_decode_kv_tokens`: of the requests that waited for a place in it.
    """

    worker_id: int
    wall_time: float
    num_prefill_requests: int
    sum_prefill_tokens: int
    num_queued_prefill: int
    sum_queued_prefill_tokens: int
    num_decode_requests: int
    sum_decode_kv_tokens: int
    num_queued_decode: int
    sum_queued_decode_kv_tokens: int


class Traffic(_Told):
    """Since the last tick: requests that came; those completed, and their mean length and latency.

    Means are 0 or None where nothing was completed.
    """

    num_req: int
    shape_count: int
    avg_osl: float | None = None
    avg_ttft_ms: float | None = None
    avg_itl_ms: float | None = None


class Tick(_Told):
    """One tick, at `now_ms` since the first arrival; ids of workers are never given twice."""

    now_ms: float
    prefill_fpm_snapshots: tuple[ForwardPass, ...]
    decode_fpm_snapshots: tuple[ForwardPass, ...]
    active_prefill_ids: tuple[int, ...]
    active_decode_ids: tuple[int, ...]
    starting_prefill_count: int
    starting_decode_count: int
    draining_prefill_count: int
    draining_decode_count: int
    traffic: Traffic | None = None
