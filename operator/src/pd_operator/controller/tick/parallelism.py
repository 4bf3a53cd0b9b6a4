"""Tensor-parallel sizes that the operator chooses: once, before there are pools, and kept."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pd_operator.actuation.children.engine_arguments import tensor_parallel_size
from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import DEPLOYMENT
from pd_operator.api.conditions import ConditionReason, ConditionStatus
from pd_operator.api.names import ServiceKey, pool_name
from pd_operator.api.parallelism import Parallelism
from pd_operator.api.roles import Role
from pd_operator.api.status import ParallelismStatus
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.events import LONGEST_MESSAGE, EventReason, EventRecorder
from pd_operator.controller.status.updates import ConditionUpdate
from pd_operator.controller.status.writer import StatusWriter
from pd_operator.controller.tick.engine_profile import profile_of
from pd_operator.performance import PerformanceProfile
from pd_operator.planning.parallelism import OutOfReachError, choose_tensor_parallel_for
from pd_operator.planning.plan import PlanningError
from pd_operator.scaling.observation import Unknown

_ADOPTED = "The Deployments had them already: a running service is given no others."
_HINT = "or set parallelism to Manual and tensorParallelSize of both pools."


class UndecidedError(Exception):
    """No tensor-parallel size can be chosen; `update` says of SLOFeasible why, and what to do."""

    def __init__(self, update: ConditionUpdate) -> None:
        super().__init__(update.message)
        self.update = update


class ParallelismChooser:
    """Knows one service's sizes.

    They are written into the status before the first pool is created, so that whatever is created
    stays explained; what is lost from there is found again in the Deployments.
    """

    def __init__(
        self, key: ServiceKey, cluster: Cluster, events: EventRecorder, writer: StatusWriter
    ) -> None:
        self._key = key
        self._cluster = cluster
        self._events = events
        self._writer = writer
        # By uid: another service of this name has sizes of its own.
        self._kept: dict[str, ParallelismStatus] = {}

    async def resolve(self, service: PDInferenceService) -> PDInferenceService:
        """The service with sizes in its pools.

        `UndecidedError` where none can be chosen, `ValueError` where those that were chosen do
        not fit the spec any more.
        """
        chosen = None
        if service.spec.parallelism is Parallelism.MANUAL:
            self._kept.clear()
        else:
            chosen = await self._chosen(service)
        status = service.status.model_copy(update={"parallelism": chosen})
        return service.model_copy(update={"status": status}).with_tensor_parallel()

    async def _chosen(self, service: PDInferenceService) -> ParallelismStatus:
        uid = service.metadata.uid
        if uid not in self._kept:
            stored = service.status.parallelism
            self._kept = {uid: stored or await self._settle(service)}
        return self._kept[uid]

    async def _settle(self, service: PDInferenceService) -> ParallelismStatus:
        found = await self._found(service)
        if len(found) == len(Role):
            chosen = _status(found[Role.PREFILL], found[Role.DECODE], _ADOPTED)
        else:
            chosen = choose(service, await profile_of(service, self._cluster), found)
        await self._writer.record_parallelism(service, chosen)
        await self._events.post(
            service.metadata,
            EventReason.PARALLELISM_CHOSEN,
            f"Workers have TP{chosen.prefill_tensor_parallel_size} for prefill and "
            f"TP{chosen.decode_tensor_parallel_size} for decode. {chosen.message}",
        )
        return chosen

    async def _found(self, service: PDInferenceService) -> dict[Role, int]:
        """Tensor-parallel sizes of the pools that there are already."""
        found = {}
        for role in Role:
            name = pool_name(self._key.name, role)
            deployment = await self._cluster.get(DEPLOYMENT, self._key.namespace, name)
            owners = (deployment or {}).get("metadata", {}).get("ownerReferences") or ()
            # Those of a deleted service of the same name are on their way out.
            if deployment and any(owner["uid"] == service.metadata.uid for owner in owners):
                size = tensor_parallel_size(deployment)
                if size is not None:
                    found[role] = size
        return found


def choose(
    service: PDInferenceService,
    profile: PerformanceProfile | Unknown,
    found: Mapping[Role, int],
) -> ParallelismStatus:
    """Tensor-parallel sizes by a service's profile; `UndecidedError` says why there are none."""
    if isinstance(profile, Unknown):
        raise UndecidedError(
            ConditionUpdate(ConditionStatus.FALSE, ConditionReason(profile.reason), profile.message)
        )
    try:
        sizes = choose_tensor_parallel_for(
            service.spec, profile, found.get(Role.PREFILL), found.get(Role.DECODE)
        )
    except OutOfReachError as error:
        reason = (
            ConditionReason.TTFT_INFEASIBLE
            if error.role is Role.PREFILL
            else ConditionReason.TPOT_INFEASIBLE
        )
        message = f"{error} Give that objective more time, name another profile, {_HINT}"
        raise UndecidedError(ConditionUpdate(ConditionStatus.FALSE, reason, message)) from None
    except PlanningError as error:
        message = f"{error}. Change that, {_HINT}"
        update = ConditionUpdate(
            ConditionStatus.FALSE, ConditionReason.PARALLELISM_UNDECIDED, message
        )
        raise UndecidedError(update) from None
    return _status(sizes.prefill, sizes.decode, sizes.sentence)


def _status(prefill: int, decode: int, message: str) -> ParallelismStatus:
    return ParallelismStatus(
        prefill_tensor_parallel_size=prefill,
        decode_tensor_parallel_size=decode,
        time=datetime.now(UTC),
        message=message[:LONGEST_MESSAGE],
    )
