"""Where a service's metrics are read, and how that Prometheus is spoken to: `spec.metrics`."""

import re
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

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
