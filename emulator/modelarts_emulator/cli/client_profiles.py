"""What clients need to know to reach an emulator: profiles, exports and settings, to be printed or written to files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modelarts_emulator.config.settings import Settings, UsageError
from modelarts_emulator.iam.accounts import DEFAULT_DOMAIN, AccessKey, User

CLOUD = "modelarts-emulator"
REGION = "eu-de"
_ANYBODY = User("demo", password="demo")
_ANY_KEY = AccessKey("demo", "demo", "demo")
_PROJECT = "demo"
_NO_KEY = "# No --access-key is configured for this user: object storage takes the token of a login instead.\n"


@dataclass(frozen=True)
class Login:
    """Where the emulator is, and as whom a client comes. ``key`` is None for a user without one."""

    url: str
    user: User = _ANYBODY
    key: AccessKey | None = field(default=_ANY_KEY)

    @property
    def project(self) -> str:
        """The name of the project to log in to."""
        return self.user.project.name if self.user.project else _PROJECT


def login(settings: Settings, url: str | None = None) -> Login:
    """Return how a client reaches an emulator of these settings. Raises UsageError where no URL is known."""
    user = settings.users[0] if settings.users else _ANYBODY
    key = next((key for key in settings.access_keys if key.user == user.name), None)
    if key is None and not settings.strict:
        key = _ANY_KEY
    return Login(url or _url(settings), user, key)


def _url(settings: Settings) -> str:
    if settings.public_url:
        return settings.public_url
    if settings.ready_file:
        try:
            return settings.ready_file.read_text("utf-8").strip()
        except OSError as error:
            raise UsageError(f"cannot read the ready file {settings.ready_file}: {error.strerror}") from None
    if not settings.port:
        raise UsageError("with --port 0 give --url, or the --ready-file of the running emulator")
    # A server on all addresses is reached on this one.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def clouds_yaml(login: Login) -> str:
    """Return the cloud profile of the OpenStack SDK and command line: ``--os-cloud modelarts-emulator``."""
    text = json.dumps  # a string of JSON is one of YAML
    return f"""\
clouds:
  {CLOUD}:
    auth:
      auth_url: {text(login.url + "/v3")}
      username: {text(login.user.name)}
      password: {text(login.user.password)}
      project_name: {text(login.project)}
      user_domain_name: {text(login.user.domain)}
      project_domain_name: {text(DEFAULT_DOMAIN)}
    region_name: {text(REGION)}
    identity_api_version: 3
    vendor_hook: otcextensions.sdk:load
"""


def variables(login: Login) -> dict[str, str]:
    """Return what clients read from the environment."""
    known = {
        "MODELARTS_EMULATOR_URL": login.url,
        "OS_AUTH_URL": login.url + "/v3",
        "OS_USERNAME": login.user.name,
        "OS_PASSWORD": login.user.password,
        "OS_PROJECT_NAME": login.project,
        "OS_USER_DOMAIN_NAME": login.user.domain,
        "OS_PROJECT_DOMAIN_NAME": DEFAULT_DOMAIN,
        "OS_REGION_NAME": REGION,
        "OS_IDENTITY_API_VERSION": "3",
        "AWS_ENDPOINT_URL_S3": login.url,
        "AWS_DEFAULT_REGION": REGION,
        "OBS_SERVER": login.url,
    }
    if login.key:
        known |= {
            "AWS_ACCESS_KEY_ID": login.key.id,
            "AWS_SECRET_ACCESS_KEY": login.key.secret,
            "OBS_ACCESS_KEY_ID": login.key.id,
            "OBS_SECRET_ACCESS_KEY": login.key.secret,
        }
    return known


def shell_exports(login: Login, directory: Path | None = None) -> str:
    """Return exports for a shell; with ``directory`` also where the other files have been written."""
    exports = variables(login)
    if directory:
        exports |= {"OS_CLIENT_CONFIG_FILE": str(directory / "clouds.yaml")}
        exports |= {"AWS_CONFIG_FILE": str(directory / "aws-config")}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()]
    return "".join(lines) + ("" if login.key else _NO_KEY)


def aws_config(login: Login) -> str:
    """Return the settings of boto3 and the AWS command line: ``AWS_CONFIG_FILE=…``."""
    key = login.key
    keys = f"aws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n" if key else _NO_KEY
    return f"""\
[default]
region = {REGION}
endpoint_url = {login.url}
{keys}s3 =
    addressing_style = path
"""


def obs_json(login: Login) -> str:
    """Return the arguments of OBS's own Python client: ``ObsClient(**json.load(open("obs.json")))``."""
    keys = {"access_key_id": login.key.id, "secret_access_key": login.key.secret} if login.key else {}
    return json.dumps({**keys, "server": login.url, "path_style": True}, indent=2) + "\n"


def obsutil_config(login: Login) -> str:
    """Return the settings of the obsutil command line: ``obsutil ls -config=obsutilconfig``."""
    keys = f"ak={login.key.id}\nsk={login.key.secret}\n" if login.key else _NO_KEY
    return f"endpoint={login.url}\n{keys}"


_FILES: tuple[tuple[str, Callable[[Login], str]], ...] = (
    ("clouds.yaml", clouds_yaml),
    ("env.sh", shell_exports),
    ("aws-config", aws_config),
    ("obs.json", obs_json),
    ("obsutilconfig", obsutil_config),
)


def print_all(login: Login) -> str:
    """Return everything, each part under the name of its file."""
    return "\n".join(f"# {name}\n{make(login)}" for name, make in _FILES)


def write_all(login: Login, directory: Path) -> list[Path]:
    """Write everything into a directory, made if need be, and readable by its owner alone. Raises UsageError."""
    directory = directory.expanduser().absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return [
            _written(directory / name, shell_exports(login, directory) if make is shell_exports else make(login))
            for name, make in _FILES
        ]
    except OSError as error:
        raise UsageError(f"cannot write into {directory}: {error.strerror}") from None


def _written(file: Path, text: str) -> Path:
    file.touch(mode=0o600)
    file.chmod(0o600)  # it may have been there before
    file.write_text(text, "utf-8")
    return file
