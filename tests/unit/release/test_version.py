"""A release's version comes from the tags."""

import pytest
from scripts.release.version import Version, VersionError, described


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("v0.2.0-0-gabc1234", Version("0.2.0", "0.2.0")),
        ("v0.2.0-3-gabc1234", Version("0.2.1.dev3", "0.2.1-dev.3")),
        ("v0.3.0-rc.1-0-gabc1234", Version("0.3.0rc1", "0.3.0-rc.1")),
        ("v0.3.0-rc.1-2-gabc1234", Version("0.3.0.dev2", "0.3.0-dev.2")),
        ("abc1234", Version("0.1.0.dev0", "0.1.0-dev.0")),
    ],
)
def test_each_reader_gets_its_own_spelling(said: str, version: Version) -> None:
    assert described(said, "0.1.0") == version


@pytest.mark.parametrize("said", ["v0.2-0-gabc1234", "vnext-1-gabc1234"])
def test_a_tag_that_is_no_version_is_named(said: str) -> None:
    with pytest.raises(VersionError, match="a tag must be like"):
        described(said, "0.1.0")
