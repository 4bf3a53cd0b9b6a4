"""Mount paths become directories of this machine, and nothing else does."""

from pathlib import Path

import pytest

from pd_e2e.nodes.mounts import PathMap

MOUNTS = PathMap({"/etc/app": Path("/pods/a"), "/etc/app/secret/": Path("/pods/b")})


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/etc/app", "/pods/a"),
        ("/etc/app/file.json", "/pods/a/file.json"),
        ("--config=/etc/app/x,/etc/app/y", "--config=/pods/a/x,/pods/a/y"),
        ("/etc/app/secret/key", "/pods/b/key"),
        ("cat '/etc/app/x' > /etc/app/y", "cat '/pods/a/x' > /pods/a/y"),
        ("/etc/application", "/etc/application"),
        ("/etc/app.d/x", "/etc/app.d/x"),
        ("/usr/etc/app/x", "/usr/etc/app/x"),
        ("no path at all", "no path at all"),
    ],
)
def test_a_mount_path_is_replaced_where_it_is_a_path_of_its_own(text: str, rewritten: str) -> None:
    assert MOUNTS.rewrite(text) == rewritten


def test_a_container_without_mounts_keeps_its_text() -> None:
    assert PathMap({}).rewrite("/etc/app") == "/etc/app"
