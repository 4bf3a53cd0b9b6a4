"""The pools as they are."""

from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import Snapshot


def present_pools(snapshot: Snapshot) -> Pools:
    """Workers that serve or are starting: what a policy wants that wants no change."""
    prefill, decode = snapshot.prefill, snapshot.decode
    return Pools(prefill.serving + prefill.starting, decode.serving + decode.starting)


def changing(snapshot: Snapshot) -> bool:
    """Whether any worker is on its way in or out."""
    pools = (snapshot.prefill, snapshot.decode)
    return any(pool.starting or pool.draining for pool in pools)


def within(prefill: int, decode: int, most: Pools) -> Pools:
    """Both numbers, at least one and no more than `most`."""
    return Pools(min(max(prefill, 1), most.prefill), min(max(decode, 1), most.decode))
