"""A certificate authority for servers that live as long as a test: elliptic keys (P-256), nothing reused."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEAR = timedelta(days=365)

_Usages = tuple[x509.ObjectIdentifier, ...]
_SERVER: _Usages = (ExtendedKeyUsageOID.SERVER_AUTH,)
_CLIENT: _Usages = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True)
class Credential:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, not encrypted."""
        return key_pem(self.key)

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write NAME.crt and NAME.key, the key for its owner's eyes only; both paths."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.certificate_pem)
        write_secret(key, self.key_pem)
        return certificate, key


@dataclass(frozen=True)
class Authority(Credential):
    """Signs the certificates of servers and clients that trust each other through it."""

    @classmethod
    def create(cls, common_name: str) -> Self:
        """A new authority, trusted by nobody yet."""
        key, name = new_key(), _name(common_name)
        builder = _builder(name, name, key, YEAR)
        for extension in (x509.BasicConstraints(ca=True, path_length=0), _key_usage(signs_certificates=True)):
            builder = builder.add_extension(extension, critical=True)
        return cls(builder.sign(key, SHA256()), key)

    def server(self, common_name: str, hosts: Iterable[str], lifetime: timedelta = YEAR) -> Credential:
        """For a server reached by these names and addresses. A negative lifetime makes one that has expired."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._issue(_name(common_name), _SERVER, lifetime, names)

    def peer(self, common_name: str, hosts: Iterable[str]) -> Credential:
        """For one of several servers that are each other's clients, too."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._issue(_name(common_name), _SERVER + _CLIENT, YEAR, names)

    def client(self, user: str, groups: Iterable[str] = (), lifetime: timedelta = YEAR) -> Credential:
        """For a client whom Kubernetes takes for this user, member of these groups."""
        return self._issue(_name(user, groups), _CLIENT, lifetime)

    def _issue(self, subject: x509.Name, usages: _Usages, lifetime: timedelta, *more: x509.ExtensionType) -> Credential:
        key = new_key()
        builder = _builder(subject, self.certificate.subject, key, lifetime)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        for extension in (_key_usage(), x509.ExtendedKeyUsage(usages), issuer, *more):
            builder = builder.add_extension(extension, critical=False)
        return Credential(builder.sign(self.key, SHA256()), key)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key in the form of SEC 1, not encrypted: Kubernetes also reads the public key out of it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first moment."""
    file.touch(mode=0o600)
    file.write_bytes(content)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now, public = datetime.now(UTC), key.public_key()
    end = now + lifetime
    start = min(now, end) - timedelta(minutes=5)
    builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number(), start, end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _name(common_name: str, organizations: Iterable[str] = ()) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
