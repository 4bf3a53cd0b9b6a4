"""What is in a release, as a CycloneDX 1.6 bill of materials."""

from importlib.metadata import Distribution

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

LONGEST_NAME = 60
"""A license field that is longer holds the license's text."""


def bill_of_materials(version: str, distributions: list[Distribution]) -> str:
    """The bill of pd-operator at this version, as JSON."""
    bom = Bom()
    ours = Component(
        name="pd-operator",
        version=version,
        type=ComponentType.APPLICATION,
        licenses=[LicenseExpression("Apache-2.0")],
        purl=PackageURL("pypi", None, "pd-operator", version),
        bom_ref="pd-operator",
    )
    bom.metadata.component = ours
    components = [_component(each) for each in distributions]
    for component in components:
        bom.components.add(component)
    bom.register_dependency(ours, components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(distribution: Distribution) -> Component:
    name, version = distribution.name.lower(), distribution.version
    metadata = distribution.metadata.json
    expression, told = metadata.get("license_expression"), str(metadata.get("license") or "")
    licenses: list[DisjunctiveLicense | LicenseExpression] = []
    if expression:
        licenses = [LicenseExpression(str(expression))]
    elif told and len(told) <= LONGEST_NAME and "\n" not in told:
        licenses = [DisjunctiveLicense(name=told)]
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        licenses=licenses,
        purl=PackageURL("pypi", None, name, version),
        bom_ref=f"{name}@{version}",
    )
