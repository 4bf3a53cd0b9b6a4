from typing import Any

import pytest

from pd_operator.actuation.children.merge import merge_template

OURS: dict[str, Any] = {
    "metadata": {"labels": {"a": "1"}},
    "spec": {
        "terminationGracePeriodSeconds": 600,
        "containers": [
            {
                "name": "engine",
                "image": "sglang",
                "args": ["--port", "30000"],
                "env": [{"name": "POD_IP", "valueFrom": {}}, {"name": "LOG", "value": "info"}],
                "resources": {"limits": {"nvidia.com/gpu": "4"}},
                "volumeMounts": [{"name": "table", "mountPath": "/table"}],
            }
        ],
        "volumes": [{"name": "table", "emptyDir": {}}],
    },
}


def merged(spec: dict[str, Any]) -> Any:
    return merge_template(OURS, {"spec": spec})["spec"]


def engine(container: dict[str, Any]) -> Any:
    return merged({"containers": [{"name": "engine", **container}]})["containers"][0]


def test_an_empty_template_changes_nothing() -> None:
    assert merge_template(OURS, {}) == OURS


def test_maps_are_merged_key_by_key() -> None:
    resources = engine({"resources": {"requests": {"cpu": "8"}}})["resources"]
    assert resources == {"limits": {"nvidia.com/gpu": "4"}, "requests": {"cpu": "8"}}


def test_a_container_of_our_name_is_changed_and_another_is_added() -> None:
    containers = merged(
        {"containers": [{"name": "engine", "image": "mine"}, {"name": "logs", "image": "tail"}]}
    )["containers"]
    assert [c["name"] for c in containers] == ["engine", "logs"]
    assert containers[0]["image"] == "mine"
    assert containers[0]["args"] == ["--port", "30000"]


def test_an_environment_variable_is_replaced_whole_so_that_no_valuefrom_stays_behind() -> None:
    env = engine({"env": [{"name": "POD_IP", "value": "::1"}, {"name": "NEW", "value": "x"}]})[
        "env"
    ]
    assert env == [
        {"name": "POD_IP", "value": "::1"},
        {"name": "LOG", "value": "info"},
        {"name": "NEW", "value": "x"},
    ]


def test_a_volume_is_replaced_whole_so_that_it_has_one_source() -> None:
    volumes = merged({"volumes": [{"name": "table", "hostPath": {"path": "/x"}}]})["volumes"]
    assert volumes == [{"name": "table", "hostPath": {"path": "/x"}}]


def test_mounts_are_told_apart_by_where_they_lie() -> None:
    mounts = engine({"volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]})["volumeMounts"]
    assert [m["mountPath"] for m in mounts] == ["/table", "/dev/shm"]


def test_other_lists_and_scalars_are_replaced() -> None:
    assert engine({"args": ["--help"]})["args"] == ["--help"]
    assert merged({"terminationGracePeriodSeconds": 30})["terminationGracePeriodSeconds"] == 30


def test_null_removes() -> None:
    assert "resources" not in engine({"resources": None})


def test_the_inputs_stay_as_they_were() -> None:
    engine({"env": [{"name": "LOG", "value": "debug"}]})
    assert OURS["spec"]["containers"][0]["env"][1] == {"name": "LOG", "value": "info"}


@pytest.mark.parametrize(
    "nonsense",
    [
        {"spec": {"containers": "engine"}},
        {"spec": {"containers": ["engine"]}},
        {"spec": {"containers": [{"image": "nameless"}]}},
        {"spec": {"volumes": {"name": "table"}}},
        {"spec": 3},
    ],
)
def test_nonsense_is_passed_on_for_the_apiserver_to_refuse(nonsense: dict[str, Any]) -> None:
    assert merge_template(OURS, nonsense) != OURS


def test_a_directive_removes_what_a_null_removes_and_survives_where_nulls_are_dropped() -> None:
    assert "terminationGracePeriodSeconds" not in merged({"terminationGracePeriodSeconds": None})
    limits = engine({"resources": {"limits": {"$patch": "delete"}}})["resources"]
    assert limits == {}
    only = engine({"resources": {"$patch": "replace", "limits": {"amd.com/gpu": "1"}}})
    assert only["resources"] == {"limits": {"amd.com/gpu": "1"}}


@pytest.mark.parametrize(
    ("spec", "left"),
    [
        ({"volumes": [{"name": "table", "$patch": "delete"}]}, {"volumes": []}),
        ({"volumes": [{"name": "nobody", "$patch": "delete"}]}, {}),
        ({"containers": [{"name": "engine", "$patch": "delete"}]}, {"containers": []}),
    ],
)
def test_an_element_of_a_list_is_removed_by_its_name(
    spec: dict[str, Any], left: dict[str, Any]
) -> None:
    assert merged(spec) == OURS["spec"] | left


def test_an_element_that_replaces_ours_keeps_nothing_of_it() -> None:
    replaced = engine({"$patch": "replace", "image": "mine"})
    assert replaced == {"name": "engine", "image": "mine"}


def test_no_directive_reaches_the_api_server_from_a_map_that_we_do_not_have() -> None:
    security = merged({"securityContext": {"$patch": "replace", "runAsNonRoot": True}})
    assert security["securityContext"] == {"runAsNonRoot": True}
