"""Where a service's metrics are read, and how that Prometheus is spoken to: `spec.metrics`."""

import re
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic.config import JsonDict

from pd_operator.api.base import ApiModel, cel_rules
from pd_operator.api.engine import ObjectName

_MORE_THAN_BASE_URL = r"^https?://[^/?#]*@|[?#]"
_BASE_URL_ALONE = (
    "prometheusUrl must hold no user, password or query: whoever may read this object reads them"
)
_HTTPS_ALONE = "bearerTokenSecret needs a prometheusUrl with https: a token is sent to nobody else"

DataKey = Annotated[
    str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")
]
"""A key of a ConfigMap or Secret."""


_LABEL_NAME = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_LABEL_NAMES = (
    "a label's name is letters, digits and underscores, and namespace is the service's own"
)

_NAMES_RULE: JsonDict = {
    "rule": f"self.all(name, name.matches('{_LABEL_NAME}') && name != 'namespace')",
    "message": _LABEL_NAMES,
}

SeriesLabels = Annotated[
    dict[str, Annotated[str, StringConstraints(min_length=1, max_length=253)]],
    Field(max_length=8, json_schema_extra={"x-kubernetes-validations": [_NAMES_RULE]}),
]
"""Labels of series in Prometheus, each with the value that it must have."""


class BearerTokenRef(ApiModel):
    """A key of a Secret in the service's own namespace."""

    name: ObjectName = Field(
        description="Name of the Secret. The operator may read only those that its chart's value "
        "prometheusTokenSecrets names."
    )
    key: DataKey = Field(default="token", description="Key whose value is the token.")


class AuthorityRef(ApiModel):
    """A key of a ConfigMap in the service's own namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap.")
    key: DataKey = Field(default="ca.crt", description="Key whose value is the certificate, PEM.")


class MetricsSpec(ApiModel):
    """Where the service's metrics are read."""

    # A rule, and no part of the pattern below: a refusal by pattern would print the password.
    model_config = cel_rules(
        {
            "rule": f"!self.prometheusUrl.matches('{_MORE_THAN_BASE_URL}')",
            "message": _BASE_URL_ALONE,
            "fieldPath": ".prometheusUrl",
        },
        {
            "rule": "!has(self.bearerTokenSecret) || self.prometheusUrl.startsWith('https://')",
            "message": _HTTPS_ALONE,
            "fieldPath": ".bearerTokenSecret",
        },
    )

    prometheus_url: Annotated[
        str, StringConstraints(max_length=2048, pattern=r"^https?://[^\s/]+(/\S*)?$")
    ] = Field(
        description="Base URL of the Prometheus that scrapes routers and workers. While it cannot "
        "be read, no worker is removed."
    )
    bearer_token_secret: BearerTokenRef | None = Field(
        default=None,
        description="The token that this Prometheus wants, as one behind a proxy does.",
    )
    certificate_authority: AuthorityRef | None = Field(
        default=None,
        description="The private authority of its certificate. Absent: the public ones.",
    )
    scrape_interval_seconds: int = Field(
        default=15,
        ge=1,
        le=300,
        description="Seconds between two scrapes in that Prometheus; also asked for in the "
        "PodMonitor. Rates are taken over at least four of them.",
    )

    router_labels: SeriesLabels | None = Field(
        default=None,
        description="With scaleTargetRef: the labels by which that Prometheus tells the series of "
        "your routers, for instance job. They count smg_http_requests_total, and carry the labels "
        "namespace (the service's) and pod.",
    )
    prefill_labels: SeriesLabels | None = Field(
        default=None,
        description="With scaleTargetRef: those of your prefill workers. Absent: the series whose "
        "label pod begins with the target's name and continues as its kind names pods.",
    )
    decode_labels: SeriesLabels | None = Field(
        default=None, description="The same of your decode workers."
    )

    @field_validator("router_labels", "prefill_labels", "decode_labels")
    @classmethod
    def _names_are_labels(cls, labels: dict[str, str] | None) -> dict[str, str] | None:
        names = labels or {}
        if any(not re.fullmatch(_LABEL_NAME, name) or name == "namespace" for name in names):
            raise ValueError(_LABEL_NAMES)
        return labels

    @field_validator("prometheus_url")
    @classmethod
    def _holds_no_secret(cls, url: str) -> str:
        if re.search(_MORE_THAN_BASE_URL, url):
            raise ValueError(_BASE_URL_ALONE)
        return url

    @model_validator(mode="after")
    def _a_token_is_sent_encrypted(self) -> Self:
        if self.bearer_token_secret and not self.prometheus_url.startswith("https://"):
            raise ValueError(_HTTPS_ALONE)
        return self
