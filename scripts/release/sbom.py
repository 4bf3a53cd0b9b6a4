"""What is in a release, as a CycloneDX 1.6 bill of materials."""

from importlib.metadata import Distribution

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from scripts.release.image_contents import Contents

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


def image_bill_of_materials(name: str, version: str, image: Contents) -> str:
    """The bill of an image of pd-operator: the packages of its system, and of its Python."""
    bom = Bom()
    whole = Component(
        name=f"pd-operator/{name}",
        version=version,
        type=ComponentType.CONTAINER,
        purl=PackageURL("oci", None, name, version),
        bom_ref=name,
    )
    bom.metadata.component = whole
    vendor = image.system.partition("-")[0] or None
    for package in image.packages:
        told = {"arch": package.architecture, "distro": image.system}
        deb = package.kind == "deb"
        purl = PackageURL(
            package.kind,
            vendor if deb else None,
            package.name,
            package.version,
            {key: value for key, value in told.items() if value} if deb else None,
        )
        bom.components.add(
            Component(
                name=package.name,
                version=package.version,
                type=ComponentType.LIBRARY,
                purl=purl,
                bom_ref=str(purl),
            )
        )
    bom.register_dependency(whole, bom.components)
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
