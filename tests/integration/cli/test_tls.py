"""https: with a certificate of the user, and with one that the emulator generates."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme

from modelarts_emulator import Emulator, UsageError
from tests.helpers.shell import Shell

FETCH = """
import os, urllib.request
print(urllib.request.urlopen(os.environ["MODELARTS_EMULATOR_URL"] + "/_emulator/ready").status)
"""


def status(url: str, ca: Path | None) -> int:
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    with urllib.request.urlopen(f"{url}/_emulator/ready", timeout=10, context=context) as answer:
        return int(answer.status)


def test_self_signed_certificate_is_verified_with_its_authority(tmp_path: Path) -> None:
    with Emulator(tls="self-signed", data_dir=tmp_path / "data") as emulator:
        assert emulator.url.startswith("https://127.0.0.1:")
        ca = emulator.ca_file
        assert ca == tmp_path / "data/tls/ca.pem"
        assert status(emulator.url, ca) == 200
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            status(emulator.url, None)
        assert status(emulator.url.replace("127.0.0.1", "localhost"), ca) == 200
        assert (tmp_path / "data/tls/server-key.pem").stat().st_mode & 0o777 == 0o600
        first = ca.read_bytes()
    with Emulator(tls="self-signed", data_dir=tmp_path / "data") as emulator:
        assert (tmp_path / "data/tls/ca.pem").read_bytes() == first
        assert status(emulator.url, emulator.ca_file) == 200


def test_certificate_of_the_user_is_served(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with Emulator(tls_cert=tmp_path / "cert.pem", tls_key=str(tmp_path / "key.pem")) as emulator:
        assert emulator.ca_file is None
        assert status(emulator.url, tmp_path / "ca.pem") == 200


@pytest.mark.parametrize(("cert", "message"), [("missing", "No such file"), ("empty", "cannot use the certificate")])
def test_unusable_certificate_raises(tmp_path: Path, cert: str, message: str) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(UsageError, match=message):
        Emulator(tls_cert=tmp_path / cert, tls_key=tmp_path / "empty", temporary_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_https_to_an_http_port_is_closed_with_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"), Emulator() as emulator:
        with pytest.raises(urllib.error.URLError):
            status(emulator.url.replace("http://", "https://"), None)
        assert urllib.request.urlopen(f"{emulator.url}/_emulator/ready", timeout=10).status == 200
    assert [record.message.partition(" and ")[0] for record in caplog.records] == [
        "A client speaks https to this http port"
    ]


@pytest.mark.slow
def test_commands_and_env_reach_a_self_signed_emulator(shell: Shell) -> None:
    started = shell.detached("--tls", "self-signed")
    assert started["url"].startswith("https://127.0.0.1:")
    assert shell.json("status")["ready"] is True
    assert shell.json("snapshot", "one")["name"] == "one"
    variables = shell.json("env")
    ca = variables["REQUESTS_CA_BUNDLE"]
    assert {variables[name] for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "OS_CACERT", "CURL_CA_BUNDLE")} == {ca}
    found = subprocess.check_output(
        [sys.executable, "-c", FETCH], env={**shell.environment, **variables}, text=True, timeout=30
    )
    assert found == "200\n"
    assert f'cacert: "{ca}"' in shell.run("env", "--format", "yaml")
    shell.run("stop")


@pytest.mark.slow
def test_self_signed_with_seed_and_demo_in_memory(shell: Shell) -> None:
    (shell.folder / "seed.yaml").write_text(
        "datasets: [{name: notes, samples: [{text: one}], type: text_classification}]"
    )
    command = [sys.executable, "-c", FETCH]
    assert shell.run("exec", "--tls", "self-signed", "--seed", "seed.yaml", "--", *command) == "200\n"


@pytest.mark.slow
def test_plain_http_to_an_https_port_is_refused(shell: Shell) -> None:
    started = shell.detached("--tls", "self-signed", "--memory")
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(started["url"].replace("https://", "http://"), timeout=10)
    assert json.loads(shell.run("status", "--json"))["ready"] is True
    shell.run("stop", "--url", started["url"])
