"""Build the image of ``Containerfile``, and run it as PID 1, as an unknown user, on a read-only root."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.helpers.polling import poll

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.12-slim"
USER = 54321  # not in the image

TOOLS = ("buildah", "mmdebstrap", "unshare", "chroot")
needs_tools = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(tool) is None for tool in TOOLS), reason="needs root, buildah and mmdebstrap"
)


def run(*command: str, timeout: float = 600) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


class Builder:
    """buildah with storage of its own, so that images of the machine are neither used nor left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, command: str, *arguments: str) -> str:
        storage = ("--storage-driver", "vfs", "--root", f"{self._folder}/images", "--runroot", f"{self._folder}/run")
        return run("buildah", *storage, command, *arguments)


class Image:
    """The built image: its configuration, and its files in a folder."""

    def __init__(self, build: Builder, name: str) -> None:
        self.config: dict[str, Any] = json.loads(build("inspect", "--type", "image", name))["Docker"]["config"]
        self.root = Path(build("mount", build("from", "--pull-never", name)))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Build the image over a base of Debian's Python, imported under the name that the file uses."""
    folder = tmp_path_factory.mktemp("container")
    build = Builder(folder)
    base = folder / "base.tar"
    included = "python3,python3-venv,ca-certificates"
    run("mmdebstrap", "--variant=minbase", f"--include={included}", "bookworm", str(base), timeout=900)
    empty = build("from", "scratch")
    build("add", "-q", empty, str(base), "/")
    version = run("chroot", build("mount", empty), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    build("commit", "-q", empty, BASE)
    wheels = folder / "wheels"
    needed = [line.strip() for line in (ROOT / "setup.cfg").read_text().split("install_requires =")[1].splitlines()]
    needed = [line for line in needed[: needed.index("[options.extras_require]")] if line and not line.startswith("#")]
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(wheels), "--only-binary=:all:"]
    run(*download, "--python-version", version, *needed, "setuptools>=77")
    offline = [
        "--build-arg",
        "PIP_NO_INDEX=1",
        "--build-arg",
        "PIP_FIND_LINKS=/wheels",
        "--volume",
        f"{wheels}:/wheels:ro",
    ]
    files = ["--ignorefile", str(ROOT / ".containerignore"), "-f", str(ROOT / "Containerfile")]
    options = ["--isolation", "chroot", "--format", "docker", "--pull-never", "--quiet", "--tag", "modelarts-emulator"]
    build("build", *options, *files, *offline, str(ROOT))
    return Image(build, "modelarts-emulator")


class Container:
    """A running container: its main process, and the port that it listens on."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        self.main = int(poll(lambda: children.read_text().split(), "the container's process")[0])
        ready = Path(f"/proc/{self.main}/root/data/ready")
        self.port = int(poll(lambda: ready.exists() and ready.read_text().strip(), "ready").rpartition(":")[2])

    def get(self, path: str, host: str = "modelarts:8765") -> requests.Response:
        """Ask as a client of another container does, which knows this one by its service name."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers={"Host": host}, timeout=30)


@contextmanager
def running(image: Image, *arguments: str) -> Iterator[Container]:
    """Run the image's entry point as PID 1 of new namespaces, as an unknown user, with ``/data`` alone writable."""
    variables = " ".join(f"'{each}'" for each in image.config["Env"])
    command = " ".join([*image.config["Entrypoint"], *(arguments or image.config["Cmd"])])
    script = f"""
        mount --bind {image.root} {image.root} && mount -o remount,ro,bind {image.root}
        mount -t tmpfs -o mode=1777 data {image.root}/data && mount -t proc proc {image.root}/proc
        exec chroot --userspec={USER}:{USER} {image.root} /usr/bin/env -i {variables} {command}
    """
    command_line = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", script]
    process = subprocess.Popen(command_line, stdin=subprocess.DEVNULL)
    try:
        yield Container(process)
    finally:
        process.kill()
        process.wait(30)


@needs_tools
@pytest.mark.slow
def test_image_configuration_has_an_unprivileged_user_a_health_check_and_a_volume(image: Image) -> None:
    assert image.config["User"].split(":")[0] not in ("", "0", "root")
    assert image.config["Healthcheck"]["Test"][:3] == ["CMD", "modelarts-emulator", "status"]
    assert "/data" in image.config["Volumes"]
    assert "8765/tcp" in image.config["ExposedPorts"]


@needs_tools
@pytest.mark.slow
def test_container_as_unknown_user_on_a_read_only_root_serves_and_stops_on_sigterm(image: Image) -> None:
    with running(image, "start", "--port", "0", "--ready-file", "/data/ready") as container:
        assert container.get("/_emulator/ready").status_code == 200
        assert container.get("/v2/project/datasets").json()["total_number"] == 0
        os.kill(container.main, signal.SIGTERM)
        assert container.process.wait(30) == 0


@needs_tools
@pytest.mark.slow
def test_signed_url_has_the_name_that_the_client_used(image: Image) -> None:
    with running(image, "start", "--demo", "--port", "0", "--ready-file", "/data/ready") as container:
        datasets = container.get("/v2/demo/datasets?limit=100").json()["datasets"]
        [digits] = [each["dataset_id"] for each in datasets if each["dataset_name"] == "digits"]
        samples = container.get(f"/v2/demo/datasets/{digits}/data-annotations/samples").json()["samples"]
        source = samples[0]["source"]
        assert source.startswith("http://modelarts:8765/")
        assert container.get(source.removeprefix("http://modelarts:8765")).content.startswith(b"\x89PNG")


def test_compose_file_builds_the_containerfile_and_publishes_its_port() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    service = compose["services"]["modelarts"]
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    assert f"EXPOSE {service['ports'][0].partition(':')[2]}" in (ROOT / "Containerfile").read_text()
