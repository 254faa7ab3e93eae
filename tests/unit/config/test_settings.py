"""Settings: where they come from, and what is said when they are wrong."""

import ast
import inspect
import os
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from config.keys import fields_of, is_secret, table_of, variable_name
from config.settings import EndpointSettings, Settings, SettingsError, config_dir, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty directory, so that no ./atelier.toml of the checkout is found."""
    monkeypatch.chdir(tmp_path)


def problems(toml: str = "", **environ: str) -> tuple[str, ...]:
    """Load settings that must be refused; give the sentences."""
    path = Path("atelier.toml")
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_nothing_set_gives_the_defaults() -> None:
    settings = load_settings(None, {})
    assert settings == Settings()
    assert settings.endpoints == (EndpointSettings(name="local", kind="local"),)
    assert settings.access == "allowlist"
    assert settings.database_path == Path("data/atelier.db")


def test_the_environment_goes_before_the_file_and_the_file_before_the_defaults() -> None:
    Path("atelier.toml").write_text("locale = 'zh-CN'\n[http]\nhost = '0.0.0.0'\nport = 1\n")
    settings = load_settings(None, {"ATELIER_HTTP__PORT": "2"})
    assert (settings.locale, settings.http.host, settings.http.port) == ("zh-CN", "0.0.0.0", 2)
    assert settings.log == Settings().log


def test_the_file_is_the_given_one_or_the_named_one_or_the_one_here() -> None:
    for name in ("given", "named", "atelier"):
        Path(f"{name}.toml").write_text(f"data_dir = '{name}'")
    environ = {"ATELIER_CONFIG": "named.toml"}
    assert load_settings(Path("given.toml"), environ).data_dir == Path("given")
    assert load_settings(None, environ).data_dir == Path("named")
    assert load_settings(None, {}).data_dir == Path("atelier")


def test_only_the_given_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_DATA_DIR", "wrong")
    assert load_settings(None, {}).data_dir == Settings().data_dir == Path("data")


def test_every_kind_of_variable() -> None:
    settings = load_settings(
        None,
        {
            "ATELIER_OPERATORS": "discord:1, telegram:-100200",
            "ATELIER_ALLOWLIST": '["discord:7"]',
            "ATELIER_ENDPOINTS": '[{"name": "gpu-1", "kind": "comfyui", "url": "http://gpu:8188/"}]',
            "ATELIER_ENDPOINT_KEYS__GPU_1": "open sesame",
            "ATELIER_SAMPLER__MODELS_DIR": "~/models",
            "ATELIER_QUOTA__PERIOD_HOURS": "0.5",
            "ATELIER_LOG__LEVEL": "",
            "ATELIER_CONFIG": "",
            "ATELIER_SAMPLER_KEY": "for the sampler",
            "PATH": "/bin",
        },
    )
    assert settings.operators == ("discord:1", "telegram:-100200")
    assert settings.allowlist == ("discord:7",)
    assert settings.endpoints == (EndpointSettings(name="gpu-1", kind="comfyui", url="http://gpu:8188"),)
    assert settings.endpoint_keys["gpu-1"].get_secret_value() == "open sesame"
    assert settings.sampler.models_dir == Path.home() / "models"
    assert settings.quota.period_hours == 0.5
    assert settings.log.level == "info"


@pytest.mark.parametrize("text", ["123:abc", "[not json", "{brace", "12", "true", "a, b"])
def test_a_secret_is_taken_as_it_is_written(text: str) -> None:
    environ = {"ATELIER_TELEGRAM__TOKEN": text, "ATELIER_ENDPOINT_KEYS__LOCAL": text}
    settings = load_settings(None, environ)
    assert settings.telegram.token is not None
    assert settings.telegram.token.get_secret_value() == text
    assert settings.endpoint_keys["local"].get_secret_value() == text


def test_secrets_are_never_shown() -> None:
    environ = {"ATELIER_DISCORD__TOKEN": "hush-1", "ATELIER_ENDPOINT_KEYS__LOCAL": "hush-2"}
    settings = load_settings(None, environ)
    assert "hush" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert "hush" not in str(problems(**environ, ATELIER_ENDPOINT_KEYS__GPU="hush-3", ATELIER_ENDPOINTS="[]"))
    assert "hush" not in str(problems(ATELIER_ENDPOINT_KEYS='["hush"]', ATELIER_DISCORD='{"token": ["hush"]}'))


def test_the_tree_is_frozen() -> None:
    settings = load_settings(None, {})
    with pytest.raises(ValidationError, match="frozen"):
        settings.locale = "fr"
    with pytest.raises(ValidationError, match="frozen"):
        settings.http.port = 1


def test_a_secret_in_the_file_is_refused_with_the_variable_to_set() -> None:
    found = problems("[discord]\ntoken = 'hush'\n[telegram]\ntoken = 'hush'\n[endpoint_keys]\ngpu-1 = 'hush'\n")
    assert set(found) == {
        "atelier.toml, line 2: `discord.token` is a secret and does not belong in a file; "
        "set the variable ATELIER_DISCORD__TOKEN instead.",
        "atelier.toml, line 4: `telegram.token` is a secret and does not belong in a file; "
        "set the variable ATELIER_TELEGRAM__TOKEN instead.",
        "atelier.toml, line 6: `endpoint_keys.gpu-1` is a secret and does not belong in a file; "
        "set the variable ATELIER_ENDPOINT_KEYS__GPU_1 instead.",
    }


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (
            "[[endpoint]]\nname = 'a'",
            "atelier.toml, line 1: there is no setting `endpoint`; did you mean `endpoints`?",
        ),
        ("[http]\nprot = 1", "atelier.toml, line 2: there is no setting `http.prot`; did you mean `http.port`?"),
        ("http.prot = 1", "atelier.toml, line 1: there is no setting `http.prot`; did you mean `http.port`?"),
        ("zzzzzz = 1", "atelier.toml, line 1: there is no setting `zzzzzz`."),
        ("http.port = 70000", "atelier.toml, line 1: `http.port` is 70000: it must be at least 0 and at most 65535."),
        ("quota.grant = 'many'", 'line 1: `quota.grant` is "many": it must be a whole number, at least 0 and'),
        ("quota.period_hours = nan", "line 1: `quota.period_hours` is NaN: it must be above 0 and at most 8784."),
        ("log.level = 'inf'", '`log.level` is "inf": it must be one of debug, info, warning, error; did you mean `in'),
        ("operators = ['@joe']", '`operators` is "@joe": it must be discord:ID or telegram:ID, such as discord:42.'),
        ("sampler.device = 'rocm'", '`sampler.device` is "rocm": it must be one of auto, cpu, cuda.'),
        ("locale = 'English, please'", "it must be a language tag, such as en or zh-CN."),
        ("database.url = 'postgres://x'", "it must be empty or look like sqlite:///PATH."),
        ("discord = 3", "atelier.toml, line 1: `discord` is 3: it must be a table."),
        ("endpoints = []", "atelier.toml, line 1: `endpoints` is []: it must not be empty."),
        ("[[endpoints]]\nkind = 'local'", "atelier.toml, line 1: `endpoints.name`: it is missing."),
        (
            "[[endpoints]]\nname = 'a'\nkind = 'comfyui'",
            "atelier.toml, line 1: `endpoints`: an endpoint of kind comfyui needs a url, for example http://",
        ),
        ("[[endpoints]]\nname = 'a'\nkind = 'local'\nurl = 'http://x'", "an endpoint of kind local has no url"),
        ("[[endpoints]]\nname = 'A b'\nkind = 'local'", "line 2: `endpoints.name` is "),
        ("[[endpoints]]\nname = 'a'\nkind = 'webui'\nurl = 'ftp://x'", "with http or https"),
        ("[[endpoints]]\nname = 'a'\nkind = 'webui'\nurl = 'http://me:hush@x'", "must not carry a password"),
        ("[[endpoints]]\nname = 'a'\nkind = 'webui'\nurl = 'http://x:99999'", "with http or https"),
        ("[[endpoints]]\nname = 'a'\nkind = 'local'\nweight = 0", "`endpoints.weight` is 0: it must be above 0 and at"),
        ("x = = 1", "atelier.toml is not valid TOML: "),
        ("locale = 'en'\nx = = 1", "line 2"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_clearly(toml: str, sentence: str) -> None:
    (only,) = problems(toml)
    assert sentence in only
    assert "hush" not in only


def test_the_line_is_that_of_the_right_entry() -> None:
    entry = "[[endpoints]]\nname = 'same'\nkind = 'webui'\nurl = 'http://x'\n"
    assert "two endpoints named `same`" in problems(entry + entry)[0]
    (only,) = problems(entry + entry.replace("same", "B"))
    assert only.startswith("atelier.toml, line 6: ")


def test_everything_wrong_is_said_at_once() -> None:
    found = problems("http.port = -1\nlocle = 'en'\n[tasks]\nmax_tries = 0", ATELIER_LOG__LEVEL="loud")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ATELIER_HTTP__PORT", "nine", 'ATELIER_HTTP__PORT: `http.port` is "nine": it must be a whole number, at le'),
        ("ATELIER_HTTP__PROT", "9", "there is no setting ATELIER_HTTP__PROT; did you mean `ATELIER_HTTP__PORT`?"),
        ("ATELIER_HTTP_PORT", "9", "there is no setting ATELIER_HTTP_PORT; did you mean `ATELIER_HTTP__PORT`?"),
        ("ATELIER_DATADIR", "x", "there is no setting ATELIER_DATADIR; did you mean `ATELIER_DATA_DIR`?"),
        ("ATELIER_ENDPOINTS__URL", "x", "there is no setting ATELIER_ENDPOINTS__URL; did you mean `ATELIER_ENDPOINTS`"),
        ("ATELIER_ENDPOINTS", "[{", "ATELIER_ENDPOINTS is not valid JSON: "),
        ("ATELIER_ENDPOINTS", "gpu", "ATELIER_ENDPOINTS is not valid JSON: "),
        ("ATELIER_ENDPOINTS", "{}", "ATELIER_ENDPOINTS: `endpoints`: it must be a list."),
        ("ATELIER_OPERATORS", "joe", 'ATELIER_OPERATORS: `operators` is "joe": it must be discord:ID or telegram:ID'),
        ("ATELIER_ENDPOINT_KEYS__LOCLA", "x", "no such endpoint; did you mean `local`?"),
    ],
)
def test_what_is_wrong_in_the_environment_names_the_variable(name: str, value: str, sentence: str) -> None:
    (only,) = problems(**{name: value})
    assert sentence in only


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^missing\.toml cannot be read: No such file or directory\.$"):
        load_settings(Path("missing.toml"), {})
    Path("binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary\.toml is not text in UTF-8"):
        load_settings(Path("binary.toml"), {})


def test_the_database_is_where_the_settings_say(tmp_path: Path) -> None:
    assert load_settings(None, {"ATELIER_DATA_DIR": "/srv/a"}).database_path == Path("/srv/a/atelier.db")
    assert load_settings(None, {"ATELIER_DATABASE__URL": "sqlite:///x.db"}).database_path == Path("x.db")
    absolute = f"sqlite:///{tmp_path}/x.db"
    assert load_settings(None, {"ATELIER_DATABASE__URL": absolute}).database_path == tmp_path / "x.db"


def test_the_shipped_file_shows_every_setting_with_its_default() -> None:
    path = config_dir() / "atelier.toml"
    assert load_settings(path, {}) == Settings()
    text = path.read_text(encoding="utf-8")
    values = tomllib.loads(text)
    known = fields_of(Settings)
    assert len(known) > 40
    for key, field in known.items():
        if is_secret(field):
            variable = variable_name(key + ".name" if key == "endpoint_keys" else key)
            assert variable in text, f"{key}: no comment names {variable}"
        elif table_of(field) is None:
            assert _shown(values, key), f"{key} is not shown in config/atelier.toml"


def _shown(values: object, key: str) -> bool:
    for part in key.split("."):
        values = values[0] if isinstance(values, list) else values
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def test_every_shown_setting_has_the_comment_that_its_docstring_gives() -> None:
    """The words above a setting in the file say what the docstring says, so neither grows old alone."""
    plain = _plain((config_dir() / "atelier.toml").read_text(encoding="utf-8").replace("#", " "))
    words = {(model.__name__, name): text for model in _models(Settings) for name, text in _docstrings(model).items()}
    assert len(words) > 40
    for model in _models(Settings):
        for name, field in model.model_fields.items():
            said = words.get((model.__name__, name), "")
            assert said, f"{model.__name__}.{name} has no docstring"
            if not is_secret(field) and table_of(field) is None:
                sentence = _plain(said).split(". ")[0].rstrip(".")
                assert sentence in plain, f"config/atelier.toml does not say of {name}: {sentence}"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace('"', "").replace("`", "")


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    below = [table for field in model.model_fields.values() if (table := table_of(field)) is not None]
    return [model, *(deeper for table in below for deeper in _models(table))]


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The texts that stand below the fields in the class's source."""
    (tree,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: text.value.value
        for field, text in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def test_the_shipped_data_is_found_from_anywhere() -> None:
    assert (config_dir() / "settings.py").is_file()
    assert os.fspath(config_dir()).endswith("config")
