"""What the image is made of, as a CycloneDX document: `python -m images.sbom SITE_PACKAGES DPKG_STATUS`.

Runs in the image's builder stage; a release describes the locked requirements of the wheel in the same form. The same
packages give the same bytes: no time, no random number.
"""

import sys
import uuid
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from images.locked import Locked

PRODUCT = "tapwatch"
DEBIAN = "debian-12"


def python_components(found: Iterable[Distribution]) -> Iterator[Component]:
    """One for each distribution, named as PyPI's purl demands: in lower case, with `-` for `_`."""
    for distribution in found:
        name = distribution.name.lower().replace("_", "-")
        kind = ComponentType.APPLICATION if name == PRODUCT else ComponentType.LIBRARY
        yield _component(kind, distribution.name, PackageURL("pypi", None, name, distribution.version))


def debian_components(status: str) -> Iterator[Component]:
    """One for each installed package of dpkg's status file."""
    for paragraph in filter(str.strip, status.split("\n\n")):
        fields = HeaderParser().parsestr(paragraph)
        if fields["Status"] != "install ok installed":
            continue
        qualifiers = {"arch": fields["Architecture"], "distro": DEBIAN}
        purl = PackageURL("deb", "debian", fields["Package"], fields["Version"], qualifiers)
        component = _component(ComponentType.LIBRARY, fields["Package"], purl)
        component.supplier = OrganizationalEntity(name=fields["Maintainer"])
        if fields["Homepage"]:
            component.external_references.add(
                ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(fields["Homepage"]))
            )
        yield component


def locked_components(lock: Iterable[Locked], version: str) -> Iterator[Component]:
    """Describe the product of this version, and each locked requirement with its files' hashes and where it applies."""
    yield _component(ComponentType.APPLICATION, PRODUCT, PackageURL("pypi", None, PRODUCT, version))
    for one in lock:
        component = _component(ComponentType.LIBRARY, one.name, PackageURL("pypi", None, one.name, one.version))
        component.hashes.update(HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in one.hashes)
        if one.marker:
            component.properties.add(Property(name=f"{PRODUCT}:marker", value=one.marker))
        yield component


def document(components: Iterable[Component]) -> str:
    """JSON whose subject is the product, which depends on all the others."""
    everything = sorted(components, key=lambda component: str(component.bom_ref))
    product = next(component for component in everything if component.name == PRODUCT)
    others = [component for component in everything if component is not product]
    identity = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(str(component.bom_ref) for component in everything))
    bom = Bom(components=others, serial_number=identity)
    bom.metadata.component = product
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the format needs none
    bom.register_dependency(product, others)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(kind: ComponentType, name: str, purl: PackageURL) -> Component:
    return Component(type=kind, name=name, version=purl.version, purl=purl, bom_ref=purl.to_string())


def main(site_packages: str, status: str) -> None:
    """Write the document to standard output."""
    components = [
        *python_components(distributions(path=[site_packages])),
        *debian_components(Path(status).read_text(encoding="utf-8")),
    ]
    sys.stdout.write(document(components))


if __name__ == "__main__":
    main(*sys.argv[1:])
