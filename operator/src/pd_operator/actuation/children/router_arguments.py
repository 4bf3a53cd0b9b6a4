"""The command line of SGLang's router (smg) and the file it learns its workers from."""

import re

from pd_operator.api.names import ROUTER_METRICS_PORT, ROUTER_PORT
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

ROUTER_COMMAND = ("smg", "launch")
TABLE_DIRECTORY = "/var/run/pd-operator"
TABLE_FILE = f"{TABLE_DIRECTORY}/workers.json"

_REQUEST_TIMEOUT_FLOOR_SECONDS = 1800


def router_arguments(service: PDInferenceService) -> list[str]:
    """Arguments of `smg launch`; the user's come last."""
    router = service.spec.router
    return [
        *("--host", "$(POD_IP)"),
        *("--port", str(ROUTER_PORT)),
        *("--prometheus-host", "$(POD_IP)"),
        *("--prometheus-port", str(ROUTER_METRICS_PORT)),
        "--pd-disaggregation",
        *("--prefill-policy", smg_policy(router.prefill_policy)),
        *("--decode-policy", smg_policy(router.decode_policy)),
        *_balance(),
        *_discovery(),
        *_health(),
        *_patience(service),
        *router.args,
    ]


def smg_policy(policy: str) -> str:
    """A policy in smg's spelling: `LeastLoad` is `least_load`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", policy).lower()


def longest_grace_seconds(service: PDInferenceService) -> int:
    """The longest time a request in flight is given by either pool."""
    return max(service.spec.pool(role).termination_grace_period_seconds for role in Role)


def _balance() -> list[str]:
    return [
        # PowerOfTwo by what the router itself has in flight. Queues read from the workers are
        # seconds old, in which a prefill's queue turns over: all requests rush to the worker
        # that was free, and its queue is the longest when it is read next.
        *("--power-of-two-load-metric", "least_requests"),
        # The same for leaving workers out: three of six were, each time others.
        "--disable-worker-overload-protection",
    ]


def _discovery() -> list[str]:
    return [
        *("--discovery-provider", "file"),
        *("--discovery-file", TABLE_FILE),
        # smg sees a changed file at once; this is for a change that the notification missed.
        *("--discovery-check-interval-secs", "2"),
        # The table lists ready workers only: a registration that fails is worth another try now,
        # not in half a minute.
        *("--worker-startup-check-interval", "2"),
    ]


def _health() -> list[str]:
    return [
        # Not /health, smg's default: it generates a token and takes longer than smg waits as
        # soon as a worker is busy, and the router would drop workers when they are needed most.
        *("--health-check-endpoint", "/ready"),
        *("--health-check-interval-secs", "5"),
        # LeastLoad acts on these readings; 10 s, the default, is longer than a burst.
        *("--load-monitor-interval", "2"),
    ]


def _patience(service: PDInferenceService) -> list[str]:
    grace = longest_grace_seconds(service)
    return [
        *("--request-timeout-secs", str(max(_REQUEST_TIMEOUT_FLOOR_SECONDS, grace))),
        # A router that is replaced serves its open streams to the end.
        *("--shutdown-grace-period-secs", str(grace)),
        # With every decode full a request waits, instead of being refused after 30 s: workers
        # are on their way. Below SGLang's own 300 s between prefill and decode.
        *("--pd-admission-wait-secs", "120"),
        # Requests go on as text: the router needs no tokenizer and no access to a model hub.
        "--disable-tokenizer-autoload",
    ]
