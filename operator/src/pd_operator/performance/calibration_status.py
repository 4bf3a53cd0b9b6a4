"""A calibration as the resource's status holds it: integers and text, a median for each region."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NotRequired, TypedDict

from pd_operator.api.roles import Role
from pd_operator.performance.calibration import (
    SAMPLES_RESTORED,
    Calibration,
    RoleCalibration,
    Sample,
)
from pd_operator.performance.regions import REGIONS

PER_MILLE = 1000
MINIMUM_PER_MILLE, MAXIMUM_PER_MILLE = 1, 1_000_000


class PlainRegion(TypedDict):
    """A region's median ratio, unbounded, in thousandths."""

    name: str
    ratioPerMille: int
    samples: int
    newestSeconds: int


class PlainRole(TypedDict):
    """What is known of one role."""

    version: str
    kvTokens: NotRequired[int]
    regions: list[PlainRegion]


class PlainCalibration(TypedDict):
    """What is known of both roles."""

    prefill: PlainRole
    decode: PlainRole


def to_plain(calibration: Calibration) -> PlainCalibration:
    """Plain data for the resource's status."""
    return PlainCalibration(
        prefill=_plain_role(calibration.prefill), decode=_plain_role(calibration.decode)
    )


def from_plain(plain: Mapping[str, object] | PlainCalibration) -> Calibration:
    """Read `to_plain`'s data. What does not have that form is forgotten.

    A region comes back as so many samples of its median as may be trusted at once, so that new
    ones soon outvote it.
    """
    calibration = Calibration()
    for role in Role:
        stored = plain.get(role.value)
        if isinstance(stored, Mapping):
            calibration = calibration.replacing(_role(role, stored))
    return calibration


def _plain_role(learned: RoleCalibration) -> PlainRole:
    plain = PlainRole(
        version=learned.version,
        regions=[
            PlainRegion(
                name=region.name,
                ratioPerMille=min(
                    max(round(PER_MILLE * region.ratio), MINIMUM_PER_MILLE), MAXIMUM_PER_MILLE
                ),
                samples=region.samples,
                newestSeconds=round(region.newest_seconds),
            )
            for region in learned.regions
        ],
    )
    if learned.kv_tokens is not None:
        plain["kvTokens"] = learned.kv_tokens
    return plain


def _role(role: Role, stored: Mapping[str, object]) -> RoleCalibration:
    version, room, regions = stored.get("version"), stored.get("kvTokens"), stored.get("regions")
    if not isinstance(version, str) or not isinstance(regions, list):
        return RoleCalibration(role)
    names = REGIONS[role].names
    samples: dict[int, tuple[Sample, ...]] = {}
    for region in regions:
        match region:
            case {
                "name": str(name),
                "ratioPerMille": int(ratio),
                "samples": int(count),
                "newestSeconds": int(newest),
            } if name in names and ratio > 0 and count > 0:
                sample = Sample(float(newest), ratio / PER_MILLE)
                samples[names.index(name)] = (sample,) * min(count, SAMPLES_RESTORED)
    kv_tokens = room if isinstance(room, int) and room > 0 else None
    return RoleCalibration(role, version, MappingProxyType(samples), kv_tokens)
