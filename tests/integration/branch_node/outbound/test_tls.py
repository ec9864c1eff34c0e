"""The one door to the network: who cannot prove to be head office is told nothing."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import create_server

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from branch_node.outbound.transport import HttpTransport, NoAnswerError
from branch_node.runtime import Request

TODAY = datetime(2026, 11, 1, tzinfo=UTC)
SECRET = b"figures of a branch"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
MOVED = b"HTTP/1.1 307 Moved\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Authority:
    """Whoever signs certificates."""

    key: ec.EllipticCurvePrivateKey
    file: Path

    def sign(self, folder: Path, *, host: str, since: datetime, until: datetime) -> Path:
        """Return a file with a certificate for `host` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ip_address(host))] if host[0].isdigit() else [x509.DNSName(host)]
        )
        made = _certificate(key, host, self.key, since, until).add_extension(names, critical=False)
        file = folder / f"{host}-{until:%Y}.pem"
        file.write_bytes(
            _pem(key) + made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        return file


def _certificate(key, name, issuer_key, since, until) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(identifier, critical=False)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _authority(folder: Path, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    may_sign = x509.KeyUsage(
        **dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), False
        ),
        **dict.fromkeys(("key_agreement", "encipher_only", "decipher_only"), False),
        key_cert_sign=True,
        crl_sign=True,
    )
    made = (
        _certificate(key, "authority", key, TODAY - timedelta(days=900), TODAY + timedelta(days=9_000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(may_sign, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return Authority(key, file)


@pytest.fixture
def ours(tmp_path, monkeypatch) -> Authority:
    """The authority whose certificates this machine trusts."""
    made = _authority(tmp_path, "ours")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.file))
    return made


@contextmanager
def serving(
    file: Path, *, answer: bytes = OK, newest: ssl.TLSVersion | None = None
) -> Iterator[tuple[str, list]]:
    """Answer once on loopback with a certificate; yields the address and what came."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if newest is not None:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
    heard: list[bytes] = []
    with create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def serve() -> None:
            with suppress(OSError):
                plain, _peer = listener.accept()
                plain.settimeout(5)
                with context.wrap_socket(plain, server_side=True) as wire:
                    while not heard or SECRET not in b"".join(heard):
                        heard.append(wire.recv(65_536))
                    wire.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/sync", heard
        thread.join(20)


def _send(url: str) -> int:
    return HttpTransport().send(Request("POST", url, {"content-type": "text/plain"}, SECRET)).status


def _valid(authority: Authority, folder: Path, *, host: str = "127.0.0.1") -> Path:
    now = TODAY
    return authority.sign(
        folder, host=host, since=now - timedelta(days=800), until=now + timedelta(days=9_000)
    )


def test_a_company_may_trust_its_own_authority(ours, tmp_path):
    with serving(_valid(ours, tmp_path)) as (url, heard):
        assert _send(url) == 200
    assert SECRET in b"".join(heard)


@pytest.mark.parametrize("who", ["of a foreign authority", "expired", "of another name"])
def test_who_is_not_head_office_is_told_nothing(ours, tmp_path, who):
    file = {
        "of a foreign authority": lambda: _valid(_authority(tmp_path, "theirs"), tmp_path),
        "expired": lambda: ours.sign(
            tmp_path, host="127.0.0.1", since=TODAY - timedelta(days=800), until=TODAY - timedelta(days=400)
        ),
        "of another name": lambda: _valid(ours, tmp_path, host="hq.example"),
    }[who]()
    with serving(file) as (url, heard), pytest.raises(NoAnswerError):
        _send(url)
    assert heard == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_that_speaks_no_newer_tls_than_1_1_is_told_nothing(ours, tmp_path):
    with (
        serving(_valid(ours, tmp_path), newest=ssl.TLSVersion.TLSv1_1) as (url, heard),
        pytest.raises(NoAnswerError),
    ):
        _send(url)
    assert heard == []


def test_a_redirect_is_not_followed(ours, tmp_path):
    with serving(_valid(ours, tmp_path), answer=MOVED) as (url, heard):
        assert _send(url) == 307
    assert SECRET in b"".join(heard)
