"""Which pods can change their role, and what a pod in a loan is taken for."""

from typing import Any

import pytest

from pd_operator.api.pods import host_spellings, prefill_url
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import NOT_ASKED
from pd_operator.telemetry.observe import observe, worker_observation

from .test_observe import NOT_KNOWN, NOW, pod

GROUP = "serving.pd-operator.io"
FLAGS = ("--enable-pd-role-switch", "--disaggregation-decode-enable-radix-cache")


def worker(
    home: str = "prefill",
    role: str = "",
    flags: tuple[str, ...] = FLAGS,
    started_at: str = "2023-11-14T22:13:30Z",
    **notes: str,
) -> dict[str, Any]:
    """A pod of a Deployment, its role, the engine's flags, and annotations on it."""
    labels = {"app.kubernetes.io/component": home}
    if "switch_to" in notes:
        labels[f"{GROUP}/traffic"] = "off"
    made = pod(f"{home}-1", role or home, labels=labels)
    made["spec"]["containers"][0]["args"] = list(flags)
    made["metadata"]["annotations"] = {
        f"{GROUP}/{name.replace('_', '-')}": text for name, text in notes.items()
    }
    (status,) = made["status"]["containerStatuses"]
    status |= {"name": "engine", "started": True, "state": {"running": {"startedAt": started_at}}}
    return made


def can_switch(made: dict[str, Any]) -> bool:
    return worker_observation(made, NOT_ASKED, NOW).switchable


@pytest.mark.parametrize("home", ["prefill", "decode"])
def test_a_worker_that_runs_with_the_flags_can_switch(home: str) -> None:
    assert can_switch(worker(home))


@pytest.mark.parametrize(
    "flags",
    [
        (),
        FLAGS[1:],
        FLAGS[:1],
        (*FLAGS, "--disaggregation-transfer-backend", "nixl"),
        (*FLAGS, "--disaggregation-transfer-backend=nixl"),
    ],
)
def test_a_prefill_without_what_it_takes_cannot(flags: tuple[str, ...]) -> None:
    assert not can_switch(worker(flags=flags))


def test_a_decode_needs_no_cache_flag_and_mooncake_is_fine() -> None:
    backend = ("--disaggregation-transfer-backend", "mooncake_tcp")
    assert can_switch(worker("decode", flags=(FLAGS[0], *backend)))
    assert can_switch(worker(flags=("--enable-pd-role-switch", "--disable-radix-cache")))


def test_a_worker_that_refused_is_not_asked_again_for_ten_minutes() -> None:
    assert not can_switch(worker(switch_refused=f"{NOW - 599:.0f}"))
    assert can_switch(worker(switch_refused=f"{NOW - 601:.0f}"))


def test_a_prefill_that_could_not_come_back_does_not_leave() -> None:
    assert not can_switch(worker(host_spelling="1"))
    assert can_switch(worker(role="decode", host_spelling="1")), "home by its other name"


def test_a_decode_that_used_its_names_up_can_only_go_home() -> None:
    assert can_switch(worker("decode", host_spelling="1"))
    assert not can_switch(worker("decode", host_spelling="2"))
    assert can_switch(worker("decode", "prefill", host_spelling="1"))


def test_an_address_has_two_spellings_and_one_of_ipv6_has_one() -> None:
    made = worker(host_spelling="1")
    assert host_spellings(made) == ("127.1.0.7", "[::ffff:127.1.0.7]")
    assert prefill_url(made) == "http://[::ffff:127.1.0.7]:30000"
    made["status"]["podIP"] = "fd00::7"
    assert host_spellings(made) == ("[fd00::7]",)
    assert not can_switch(made)


@pytest.mark.parametrize("written", ["7", "-1", "x", "", "٣"])
def test_a_spelling_edited_by_hand_still_gives_an_address(written: str) -> None:
    assert str(prefill_url(worker(host_spelling=written))).endswith(":30000")


def test_a_pod_on_loan_counts_for_its_role_and_belongs_to_its_home() -> None:
    seen = observe(
        NOW,
        [worker("decode", "prefill", role_since="1700003000"), worker("prefill")],
        {role: {"metadata": {}, "spec": {"replicas": 1}} for role in Role},
        {},
        NOT_KNOWN,
        NOT_KNOWN,
    )
    assert (seen.prefill.ready, seen.prefill.replicas) == (2, 2)
    assert (seen.decode.ready, seen.decode.replicas) == (0, 0)
    assert (seen.home(Role.PREFILL).replicas, seen.home(Role.DECODE).replicas) == (1, 1)


def test_a_pod_about_to_switch_is_expected_in_its_new_role_and_drains_in_none() -> None:
    seen = worker_observation(worker(switch_to="decode"), NOT_ASKED, NOW)
    assert (seen.role, seen.home, seen.switching) == (Role.DECODE, Role.PREFILL, True)
    assert (seen.starting, seen.draining, seen.serving) == (True, False, False)
    assert not seen.late(60.0), "it has long been ready"


@pytest.mark.parametrize("target", ["nonsense", ""])
def test_a_target_that_is_none_is_a_drain(target: str) -> None:
    seen = worker_observation(worker(switch_to=target), NOT_ASKED, NOW)
    assert (seen.role, seen.switching, seen.draining) == (Role.PREFILL, False, True)


def test_an_engine_that_started_after_its_loan_began_has_its_own_role_again() -> None:
    since = "1700003000"
    lent = worker(role="decode", role_since=since)
    assert not worker_observation(lent, NOT_ASKED, NOW).own_role_again
    anew = worker(role="decode", started_at="2023-11-14T23:10:00Z", role_since=since)
    assert worker_observation(anew, NOT_ASKED, NOW).own_role_again
    down = worker(role="decode", role_since=since)
    down["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    assert worker_observation(down, NOT_ASKED, NOW).own_role_again
