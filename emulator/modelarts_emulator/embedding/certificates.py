"""The TLS certificate of an emulator's web server: from files, or generated with a certificate authority of its own."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.system.folder import BINARY, CLOEXEC

if TYPE_CHECKING:
    import trustme

FOLDER = "tls"
CA_FILE = "ca.pem"
"""The certificate of the authority; clients need it to verify the server."""
BUNDLE_FILE = "ca-bundle.pem"
"""The same with the authorities that the system trusts, so that clients reach other servers as well."""
_CHAIN_FILE, _KEY_FILE = "server.pem", "server-key.pem"
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_NEEDED = "--tls self-signed needs the package trustme: pip install 'modelarts-emulator[tls]'"


def tls_context(settings: Settings, directory: Path) -> ssl.SSLContext | None:
    """Return the context for a server with these settings, None for plain HTTP. Raises UsageError."""
    if not settings.uses_tls:
        return None
    chain, key = settings.tls_cert, settings.tls_key
    if chain is None or key is None:
        chain, key = _own_certificate(directory / FOLDER, settings.host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(chain, key, password=_refuse_password)
    except ssl.SSLError as error:
        raise UsageError(f"cannot use the certificate {chain} with the key {key}: {error.reason or error}") from None
    except OSError as error:
        raise UsageError(f"cannot read the certificate {chain} or the key {key}: {error.strerror}") from None
    return context


def ca_file(settings: Settings, directory: Path) -> Path | None:
    """Return the file with the certificate of the emulator's own authority; None if it has none."""
    return directory / FOLDER / CA_FILE if settings.tls == "self-signed" else None


def ca_bundle(directory: Path | None) -> Path | None:
    """Return the bundle of authorities below the directory of an emulator; None if it has no certificate of its own."""
    path = directory / FOLDER / BUNDLE_FILE if directory else None
    return path.absolute() if path and path.is_file() else None


def _refuse_password() -> str:
    # Without this, OpenSSL would ask on the terminal for the password of an encrypted key.
    raise UsageError("the key of --tls-key is encrypted; pass one without a password")


def _own_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """Return the files of the generated certificate chain and key, reused at the next start. Raises UsageError."""
    chain, key = folder / _CHAIN_FILE, folder / _KEY_FILE
    if not (chain.exists() and key.exists() and (folder / CA_FILE).exists()):
        try:
            import trustme  # noqa: PLC0415  (an optional dependency)
        except ImportError:
            raise UsageError(_NEEDED) from None
        names = dict.fromkeys((*_LOCAL_NAMES, *([host] if host not in ("", "0.0.0.0", "::") else [])))
        authority = trustme.CA(organization_name="ModelArts emulator")
        certificate = authority.issue_cert(*names)
        try:
            _write_files(folder, authority, certificate)
        except OSError as error:
            raise UsageError(f"cannot write the certificate into {folder}: {error.strerror}") from None
    return chain, key


def _write_files(folder: Path, authority: trustme.CA, certificate: trustme.LeafCert) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    contents = {
        _CHAIN_FILE: b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
        _KEY_FILE: certificate.private_key_pem.bytes(),
        BUNDLE_FILE: _system_authorities() + authority.cert_pem.bytes(),
        CA_FILE: authority.cert_pem.bytes(),  # the last one: a complete set has it
    }
    for name, content in contents.items():
        new = folder / f".{name}.tmp"
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY | CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
        new.replace(folder / name)


def _system_authorities() -> bytes:
    path = ssl.get_default_verify_paths().cafile
    try:
        return Path(path).read_bytes().rstrip() + b"\n" if path else b""
    except OSError:
        return b""
