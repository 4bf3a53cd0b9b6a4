"""One spelling: American, which Kubernetes' own API has (utilization, stabilization)."""

import re

from tests.unit.style.sources import ROOT, prose, read

BRITISH = re.compile(
    r"""
    utilis | stabilis | normalis | optimis | minimis | maximis | recognis | organis | initialis
    | serialis | summaris | parametris | amortis | materialis | visualis | prioritis
    | emphasis(e|ing) | analys(e[dr]?|ing)\b | colour | behaviour | favour | honour | neighbour
    | \bcentre | centred | \bmetres?\b | learnt | \blicence | \bgreys?\b | catalogue | modelled
    | modelling | labelled | labelling | travell | judgement | artefact | defence\b | fulfil\b
    | misspelt | \bcancelled\b(?!\() | \bcancelling\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
FOREIGN = re.compile(r"\.cancelled\b|CancelledError")
"""Names that are somebody else's."""


def test_all_words_are_spelled_the_american_way() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in prose()
        for number, line in enumerate(read(path).splitlines(), 1)
        if (match := BRITISH.search(FOREIGN.sub("", line)))
    ]
    assert not found, "\n".join(found)
