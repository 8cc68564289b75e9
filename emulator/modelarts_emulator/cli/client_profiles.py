"""Settings for clients of an emulator: environment variables, profiles and configuration files."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelarts_emulator.config.settings import Settings, UsageError
from modelarts_emulator.embedding.certificates import ca_bundle
from modelarts_emulator.embedding.proxies import no_proxy
from modelarts_emulator.iam.accounts import DEFAULT_DOMAIN, AccessKey, User

CLOUD = "modelarts-emulator"
REGION = "eu-de"
_DEMO_USER = User("demo", password="demo")
_DEMO_KEY = AccessKey("demo", "demo", "demo")
_PROJECT = "demo"
# requests, boto3, Python's ssl, the OpenStack SDK, curl and Node.js each read another one.
_CA_VARIABLES = (
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "OS_CACERT",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
_NO_KEY = "# No --access-key is configured for this user: object storage accepts the token of a login instead.\n"


@dataclass(frozen=True)
class Login:
    """The URL of an emulator and the account of a client. ``key`` is None for a user without an access key."""

    url: str
    user: User = _DEMO_USER
    key: AccessKey | None = field(default=_DEMO_KEY)
    ca_file: Path | None = None
    """The authorities to verify an https server with, if the system does not trust its certificate."""

    @property
    def project(self) -> str:
        """The name of the project to log in to."""
        return self.user.project.name if self.user.project else _PROJECT


def login(settings: Settings, url: str | None = None, ca_file: Path | None = None) -> Login:
    """Return the login for an emulator with these settings. Raises UsageError if its URL is not known."""
    user = settings.users[0] if settings.users else _DEMO_USER
    key = next((key for key in settings.access_keys if key.user == user.name), None)
    if key is None and not settings.strict:
        key = _DEMO_KEY
    return Login(
        url or _url(settings), user, key, ca_file or ca_bundle(settings.data_dir if settings.uses_tls else None)
    )


def _url(settings: Settings) -> str:
    if settings.public_url:
        return settings.public_url
    if settings.ready_file:
        try:
            return settings.ready_file.read_text("utf-8").strip()
        except OSError as error:
            raise UsageError(f"cannot read the ready file {settings.ready_file}: {error.strerror}") from None
    if not settings.port:
        raise UsageError("with --port 0, pass --url, or the --ready-file of the running emulator")
    # A server on all addresses is reached at the loopback address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(settings.host, settings.host)
    scheme = "https" if settings.uses_tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def clouds_yaml(login: Login) -> str:
    """Return the cloud profile of the OpenStack SDK and command line: ``--os-cloud modelarts-emulator``."""
    text = json.dumps  # a JSON string is a YAML string
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
{f"    cacert: {text(str(login.ca_file))}" + chr(10) if login.ca_file else ""}"""


def environment_variables(login: Login, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that clients read, among them NO_PROXY with the emulator's host added to its value."""
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
    if login.ca_file:
        known |= dict.fromkeys(_CA_VARIABLES, str(login.ca_file))
    return known | no_proxy(login.url, os.environ if environment is None else environment)


def shell_exports(login: Login, directory: Path | None = None) -> str:
    """Return exports for a shell, usable as ``eval "$(modelarts-emulator env)"``.

    With ``directory``, they also name the files that ``write_all`` has written there.
    """
    exports = environment_variables(login)
    if directory:
        exports |= {"OS_CLIENT_CONFIG_FILE": str(directory / "clouds.yaml")}
        exports |= {"AWS_CONFIG_FILE": str(directory / "aws-config")}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()]
    return "".join(lines) + ("" if login.key else _NO_KEY)


def dotenv(login: Login) -> str:
    """Return a ``.env`` file, as Docker Compose and the dotenv libraries read it."""
    lines = [f"{name}={_dotenv_value(value)}\n" for name, value in environment_variables(login).items()]
    return "".join(lines) + ("" if login.key else _NO_KEY)


def _dotenv_value(value: str) -> str:
    if value and all(letter.isalnum() or letter in "-_./:,@%+" for letter in value):
        return value
    if "'" not in value:
        return f"'{value}'"  # nothing is special in single quotes
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def environment_json(login: Login) -> str:
    """Return the variables as a JSON object."""
    return json.dumps(environment_variables(login), indent=2, ensure_ascii=False) + "\n"


def terraform(login: Login) -> str:
    """Return the provider block for Terraform and OpenTofu, with the emulator as its ModelArts and OBS endpoint."""
    text = _terraform_string
    keys = ""
    if login.key:
        keys = f"  access_key  = {text(login.key.id)}\n  secret_key  = {text(login.key.secret)}\n"
    return f"""\
provider "huaweicloud" {{
  region      = {text(REGION)}
  auth_url    = {text(login.url + "/v3")}
  user_name   = {text(login.user.name)}
  password    = {text(login.user.password)}
  domain_name = {text(login.user.domain)}
  tenant_name = {text(login.project)}
{keys}  insecure    = true

  endpoints = {{
    iam       = {text(login.url + "/")}
    modelarts = {text(login.url + "/")}
    obs       = {text(login.url + "/")}
  }}
}}
"""


def _terraform_string(value: str) -> str:
    # "${" and "%{" start a template in HCL and are doubled to stand for themselves.
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def aws_config(login: Login) -> str:
    """Return the configuration file of boto3 and the AWS command line: ``AWS_CONFIG_FILE=…``."""
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
    """Return the arguments of the OBS Python SDK: ``ObsClient(**json.load(open("obs.json")))``."""
    keys = {"access_key_id": login.key.id, "secret_access_key": login.key.secret} if login.key else {}
    return json.dumps({**keys, "server": login.url, "path_style": True}, indent=2) + "\n"


def obsutil_config(login: Login) -> str:
    """Return the configuration file of obsutil: ``obsutil ls -config=obsutilconfig``."""
    keys = f"ak={login.key.id}\nsk={login.key.secret}\n" if login.key else _NO_KEY
    return f"endpoint={login.url}\n{keys}"


FORMATS: Mapping[str, Callable[[Login], str]] = {
    "shell": shell_exports,
    "dotenv": dotenv,
    "json": environment_json,
    "yaml": clouds_yaml,
    "terraform": terraform,
    "aws": aws_config,
    "obs": obs_json,
    "obsutil": obsutil_config,
}
"""Writers of the formats of ``env --format``, by name."""

_FILES: Mapping[str, str] = {
    "clouds.yaml": "yaml",
    "env.sh": "shell",
    "aws-config": "aws",
    "obs.json": "obs",
    "obsutilconfig": "obsutil",
}


def write_all(login: Login, directory: Path) -> list[Path]:
    """Write all files into a directory, which is created if needed. Only its owner can read them. Raises UsageError."""
    directory = directory.expanduser().absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return [
            _write(directory / name, shell_exports(login, directory) if format_ == "shell" else FORMATS[format_](login))
            for name, format_ in _FILES.items()
        ]
    except OSError as error:
        raise UsageError(f"cannot write into {directory}: {error.strerror}") from None


def _write(file: Path, text: str) -> Path:
    file.touch(mode=0o600)
    file.chmod(0o600)  # an existing file may have had other permissions
    file.write_text(text, "utf-8")
    return file
