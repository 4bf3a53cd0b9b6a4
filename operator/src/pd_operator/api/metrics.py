"""Where a service's metrics are read, and how that Prometheus is spoken to: `spec.metrics`."""

import re
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic.config import JsonDict

from pd_operator.api.base import ApiModel, cel_rules, list_type
from pd_operator.api.engine import ObjectName

_MORE_THAN_BASE_URL = r"^https?://[^/?#]*@|[?#]"
_BASE_URL_ALONE = (
    "prometheusUrl must hold no user, password or query: whoever may read this object reads them"
)
_BY_HTTPS = ("bearerTokenSecret", "basicAuthSecret", "clientCertificateSecret")
_HTTPS_ALONE = "{} needs a prometheusUrl with https: secrets are shown to nobody else"
_ONE_OF_BOTH = "give bearerTokenSecret or basicAuthSecret, not both: one header carries them"
_OWN_HEADERS = ("authorization", "cookie", "host", "content-length", "transfer-encoding")
_HEADERS_ALONE = "headers must hold no secret, and none that the connection needs for itself"
_OWN_PARAMETERS = ("query", "time", "start", "end", "step", "timeout")
_PARAMETERS_ALONE = "queryParameters must hold none of those that make a question"

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


class SecretRef(ApiModel):
    """A Secret in the service's own namespace, with the keys that its type has in Kubernetes."""

    name: ObjectName = Field(
        description="Name of the Secret. The operator may read only those that its chart's value "
        "prometheusTokenSecrets names."
    )


class QueryParameter(ApiModel):
    """A name and a value of a question's address."""

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[-_.a-zA-Z0-9]+$")
    ] = Field(description="Name of the parameter.")
    value: Annotated[str, StringConstraints(max_length=256)] = Field(description="Its value.")


class Header(ApiModel):
    """A header of every question."""

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[-a-zA-Z0-9]+$")
    ] = Field(description="Name of the header, for instance X-Scope-OrgID.")
    value: Annotated[str, StringConstraints(max_length=256, pattern=r"^[!-~]([ -~]*[!-~])?$")] = (
        Field(description="Its value, in ASCII. No secret: whoever may read this object reads it.")
    )


class AuthorityRef(ApiModel):
    """A key of a ConfigMap in the service's own namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap.")
    key: DataKey = Field(default="ca.crt", description="Key whose value is the certificate, PEM.")


class MetricsSpec(ApiModel):
    """Where the service's metrics are read."""

    # A rule, and no part of the pattern below: a refusal by pattern would print the password.
    model_config = cel_rules(
        {
            "rule": "!has(self.prometheusUrl) || "
            f"!self.prometheusUrl.matches('{_MORE_THAN_BASE_URL}')",
            "message": _BASE_URL_ALONE,
            "fieldPath": ".prometheusUrl",
        },
        *(
            {
                "rule": f"!has(self.{secret}) || !has(self.prometheusUrl) || "
                "self.prometheusUrl.startsWith('https://')",
                "message": _HTTPS_ALONE.format(secret),
                "fieldPath": f".{secret}",
            }
            for secret in _BY_HTTPS
        ),
        {
            "rule": "!has(self.bearerTokenSecret) || !has(self.basicAuthSecret)",
            "message": _ONE_OF_BOTH,
            "fieldPath": ".basicAuthSecret",
        },
        {
            "rule": "!has(self.headers) || "
            f"self.headers.all(h, !(h.name.lowerAscii() in {list(_OWN_HEADERS)}))",
            "message": _HEADERS_ALONE,
            "fieldPath": ".headers",
        },
        {
            "rule": "!has(self.queryParameters) || "
            f"self.queryParameters.all(q, !(q.name in {list(_OWN_PARAMETERS)}))",
            "message": _PARAMETERS_ALONE,
            "fieldPath": ".queryParameters",
        },
    )

    prometheus_url: (
        Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://[^\s/]+(/\S*)?$")]
        | None
    ) = Field(
        default=None,
        description="Base URL of the Prometheus that scrapes routers and workers. While it cannot "
        "be read, no worker is removed. Absent: the operator's own (chart value prometheus.url).",
    )
    bearer_token_secret: BearerTokenRef | None = Field(
        default=None,
        description="The token that this Prometheus wants, as one behind a proxy does.",
    )
    basic_auth_secret: SecretRef | None = Field(
        default=None,
        description="User and password that it wants instead, in the keys username and password "
        "(type kubernetes.io/basic-auth).",
    )
    client_certificate_secret: SecretRef | None = Field(
        default=None,
        description="The certificate that it wants to be shown, in the keys tls.crt and tls.key "
        "(type kubernetes.io/tls).",
    )
    headers: tuple[Header, ...] = Field(
        default=(),
        max_length=8,
        description="Headers of every question, such as Mimir's and Thanos' tenant X-Scope-OrgID.",
        json_schema_extra=list_type("map", "name"),
    )
    query_parameters: tuple[QueryParameter, ...] = Field(
        default=(),
        max_length=8,
        description="Parameters of every question, such as Thanos' dedup or OpenShift's namespace.",
        json_schema_extra=list_type("map", "name"),
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
    def _holds_no_secret(cls, url: str | None) -> str | None:
        if url is not None and re.search(_MORE_THAN_BASE_URL, url):
            raise ValueError(_BASE_URL_ALONE)
        return url

    @model_validator(mode="after")
    def _secrets_are_sent_encrypted(self) -> Self:
        secret = self.secret
        if secret and self.prometheus_url and not self.prometheus_url.startswith("https://"):
            raise ValueError(_HTTPS_ALONE.format(secret))
        if self.bearer_token_secret and self.basic_auth_secret:
            raise ValueError(_ONE_OF_BOTH)
        return self

    @model_validator(mode="after")
    def _leave_the_question_alone(self) -> Self:
        if any(header.name.lower() in _OWN_HEADERS for header in self.headers):
            raise ValueError(_HEADERS_ALONE)
        if any(parameter.name in _OWN_PARAMETERS for parameter in self.query_parameters):
            raise ValueError(_PARAMETERS_ALONE)
        for names in (self.headers, self.query_parameters):
            if len({one.name for one in names}) != len(names):
                raise ValueError("names of headers and of queryParameters must differ")
        return self

    @property
    def secret(self) -> str:
        """The first field that names a Secret; empty where none does."""
        given = {
            "bearerTokenSecret": self.bearer_token_secret,
            "basicAuthSecret": self.basic_auth_secret,
            "clientCertificateSecret": self.client_certificate_secret,
        }
        return next((field for field, secret in given.items() if secret), "")
