"""Settings from environment variables, from files that hold secrets, and from configuration files."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelarts_emulator.config.setting_sources import file_arguments
from modelarts_emulator.config.settings import Settings, UsageError, read_settings

PREFIX = "MODELARTS_EMULATOR_"


def read(*arguments: str, **variables: str) -> Settings:
    return read_settings(arguments, {f"{PREFIX}{name}": value for name, value in variables.items()})


def refused(*arguments: str, **variables: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(*arguments, **variables)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("text", ["1", "true", "yes", "y", "on", "TRUE", "Yes", " on "])
def test_environment_boolean_true(text: str) -> None:
    assert read(STRICT=text).strict_input is True


@pytest.mark.parametrize("text", ["0", "false", "no", "n", "off", "FALSE", ""])
def test_environment_boolean_false(text: str) -> None:
    assert read(STRICT=text, MEMORY=text) == Settings()


@pytest.mark.parametrize("text", ["2", "ja", "truee", "-"])
def test_environment_boolean_other_is_refused(text: str) -> None:
    line = refused(MEMORY=text)
    assert line.startswith(f"MODELARTS_EMULATOR_MEMORY: {text!r} is neither true nor false")


def test_environment_port_of_kubernetes_is_ignored() -> None:
    assert read(PORT="tcp://10.0.0.1:8765").port == 8765
    assert read("--port", "1", PORT="tcp://10.0.0.1:8765").port == 1
    assert (
        refused(PORT="udp://10.0.0.1:8765")
        == "MODELARTS_EMULATOR_PORT: 'udp://10.0.0.1:8765' is not a port from 0 to 65535"
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PORT": "x"}, "MODELARTS_EMULATOR_PORT: 'x' is not a port from 0 to 65535"),
        ({"SYNC": "often"}, "MODELARTS_EMULATOR_SYNC: 'often' is not one of auto, manual"),
        ({"BUCKET": "name"}, "MODELARTS_EMULATOR_BUCKET: 'name' is not NAME=FOLDER"),
        ({"USER": "secret"}, "MODELARTS_EMULATOR_USER: a user is NAME:PASSWORD or NAME:PASSWORD:PROJECT"),
        (
            {"CONTROL_KEY": "secret"},
            "MODELARTS_EMULATOR_CONTROL_KEY: a control key is 8 to 200 printable ASCII characters",
        ),
    ],
)
def test_environment_error_names_the_variable(variables: dict[str, str], message: str) -> None:
    assert refused(**variables) == message


def test_environment_value_with_a_leading_hyphen_is_a_value() -> None:
    assert read(CONTROL_KEY="--port=12345").control_key == "--port=12345"


def test_environment_file_holds_secrets(tmp_path: Path) -> None:
    users, key = tmp_path / "users", tmp_path / "key"
    users.write_text("ada:secret:red\n\nbob:other\n")
    key.write_text("of-the-test\n")
    settings = read(USER_FILE=str(users), CONTROL_KEY_FILE=str(key), AUTH="strict")
    assert [user.name for user in settings.users] == ["ada", "bob"]
    assert settings.control_key == "of-the-test"
    keys = tmp_path / "keys"
    keys.write_text("AK:secret:ada")
    assert read(USER_FILE=str(users), ACCESS_KEY_FILE=str(keys)).access_keys[0].secret == "secret"


def test_environment_file_errors_have_no_secret(tmp_path: Path) -> None:
    assert refused(USER="a:secret", USER_FILE="users") == (
        "MODELARTS_EMULATOR_USER and MODELARTS_EMULATOR_USER_FILE are both set"
    )
    assert "MODELARTS_EMULATOR_USER_FILE: cannot read nowhere: No such file" in refused(USER_FILE="nowhere")
    (tmp_path / "bad").write_bytes(b"\xff")
    assert "is not UTF-8" in refused(USER_FILE=str(tmp_path / "bad"))
    (tmp_path / "users").write_text("secret")
    line = refused(USER_FILE=str(tmp_path / "users"))
    assert line.startswith("MODELARTS_EMULATOR_USER_FILE: ") and "secret" not in line


CONFIG = """
port = 1234
sync = "manual"
strict = true
data-dir = "data"
max_loaded_samples = 5
user = ["ada:secret", "bob:other"]
cors = "http://localhost:3000"
[bucket]
pictures = "in"
"""


def write(folder: Path, text: str, name: str = "emulator.toml") -> str:
    (folder / "in").mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


def test_config_file_sets_options(tmp_path: Path) -> None:
    settings = read("--config", write(tmp_path, CONFIG))
    assert (settings.port, settings.sync, settings.strict_input, settings.max_loaded_samples) == (
        1234,
        "manual",
        True,
        5,
    )
    assert (settings.data_dir, settings.buckets) == (tmp_path / "data", {"pictures": tmp_path / "in"})
    assert [user.name for user in settings.users] == ["ada", "bob"]
    assert settings.cors == ("http://localhost:3000",)
    assert read(CONFIG=write(tmp_path, CONFIG)) == settings


def test_option_overrides_variable_overrides_config_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'port = 1\nhost = "127.0.0.2"\nsync = "manual"\nstrict = true\n')
    settings = read(f"--config={path}", "--port", "3", PORT="2", HOST="127.0.0.3", STRICT="no")
    assert (settings.port, settings.host, settings.sync, settings.strict_input) == (3, "127.0.0.3", "manual", False)


def test_pyproject_table_sets_options(tmp_path: Path) -> None:
    path = write(tmp_path, '[tool.modelarts-emulator]\nport = 7\n[tool.other]\nport = "x"\n', "pyproject.toml")
    assert read("--config", path).port == 7
    assert file_arguments(Path(write(tmp_path, "[project]\nname = 'x'\n", "pyproject.toml"))) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "unknown keyword 'prot' for FILE; did you mean 'port'?"),
        ("port = 'x'", "FILE: port: 'x' is not a port from 0 to 65535"),
        ("port = 1.5", "FILE: port must be a string or integer"),
        ("port = true", "FILE: port must be a string or integer"),
        ("strict = 1", "FILE: strict must be true or false"),
        ("user = [1, true]", "FILE: user must be a list of strings"),
        ("sync = 'often'", "FILE: sync: 'often' is not one of auto, manual"),
        ("[bucket]\nx = 'in'", "FILE: bucket: "),
        ("port = ", "FILE: invalid TOML: "),
        ("config = 'other.toml'", "unknown keyword 'config' for FILE"),
    ],
)
def test_config_file_error_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    assert refused("--config", path).startswith(message.replace("FILE", path))


def test_config_file_missing_is_refused(tmp_path: Path) -> None:
    assert "cannot read nowhere.toml: No such file" in refused("--config", "nowhere.toml")
    assert "expected one argument" in refused("--config")


def test_tls_options_must_fit_together(tmp_path: Path) -> None:
    assert "--tls-cert and --tls-key must be given together" in refused("--tls-cert", "cert.pem")
    assert "exclude each other" in refused("--tls", "self-signed", "--tls-cert", "a", "--tls-key", "b")
    assert not read().uses_tls and read(TLS="self-signed").uses_tls
