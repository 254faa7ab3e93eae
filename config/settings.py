"""The one frozen tree of settings: built-in defaults < TOML file < environment.

Every field's docstring gives its meaning, unit and range; `config/atelier.toml` shows them all with their defaults.
Only the compose files read the environment: they hand it to `load_settings`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic import model_validator as check_together
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.forms import (
    Directory,
    Language,
    OptionalDirectory,
    PlatformId,
    Section,
    Slug,
    Url,
    as_endpoints_are_named,
    database_url,
    empty_is_none,
)
from config.keys import did_you_mean
from config.problems import describe
from config.safety_settings import SafetySettings
from config.sources import (
    Document,
    SettingsError,
    forbidden_secrets,
    merge,
    read_environment,
    read_toml,
    unknown_variables,
)

__all__ = ["Settings", "SettingsError", "config_dir", "load_settings"]

CONFIG_VARIABLE = "ATELIER_CONFIG"
"""Names the settings file, where no `--config` does."""
SAMPLER_KEY_VARIABLE = "ATELIER_SAMPLER_KEY"
"""The key that `atelier sampler` asks of its clients; no setting, because the sampler reads no settings file."""


class DatabaseSettings(Section):
    """Where jobs, ledger and people are kept."""

    url: Annotated[str, AfterValidator(database_url)] = ""
    """Empty: the SQLite file `atelier.db` in `data_dir`. Otherwise `sqlite:///PATH`."""


class EndpointSettings(Section):
    """One server that makes pictures."""

    name: Slug
    """Unique; lower-case letters, digits and dashes. Appears in results, logs and metrics."""
    kind: Literal["local", "comfyui", "webui"]
    """local: our own sampler as a child process. comfyui: a server with ComfyUI's API. webui: SD WebUI's API."""
    url: Annotated[Url | None, BeforeValidator(empty_is_none)] = None
    """Its address, http or https. Required for comfyui and webui; a local one has none."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """Speed relative to the reference GPU: credits = measured seconds * weight. Above 0, at most 1000."""
    slots: int = Field(default=0, ge=0, le=256)
    """How many pictures it is given at once, 0 to 256. 0: what suits its kind."""

    @check_together(mode="after")
    def _address_fits_kind(self) -> "EndpointSettings":
        if self.kind == "local" and self.url is not None:
            raise ValueError("an endpoint of kind local has no url: Atelier starts it and chooses its port")
        if self.kind != "local" and self.url is None:
            raise ValueError(f"an endpoint of kind {self.kind} needs a url, for example http://127.0.0.1:8188")
        return self


class SamplerSettings(Section):
    """The sampler that runs as a child process, for an endpoint of kind local."""

    models_dir: OptionalDirectory = None
    """Folder with ComfyUI's folders in it (checkpoints, loras, vae, ...). Empty: `models` in `data_dir`."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto (a GPU where there is one), cpu or cuda. CUDA_VISIBLE_DEVICES chooses among several GPUs."""
    max_batch: int = Field(default=8, ge=1, le=64)
    """The most pictures that share one forward pass, 1 to 64."""
    exact: bool = False
    """Fill every pass up to `max_batch`: on a GPU a picture then never depends on its company, but takes longer."""
    start_timeout: float = Field(default=120.0, ge=1, le=3600)
    """Seconds that it may take to answer after its start, 1 to 3600."""


class DiscordSettings(Section):
    """The Discord bot; it runs when it has a token."""

    token: SecretStr | None = None
    """The bot's token. Secret: only from ATELIER_DISCORD__TOKEN."""
    api_base: Url = "https://discord.com/api/v10"
    """Address of Discord's REST API."""
    cdn_base: Url = "https://cdn.discordapp.com"
    """Address that attachments are fetched from; no other is."""
    shard_count: int = Field(default=0, ge=0, le=100_000)
    """How many shards the bot's guilds are divided into, over all its services. 0: as many as Discord advises."""
    shard_ids: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """The shards of this service, where `shard_count` is set; each belongs to one service. Empty: all of them."""

    @check_together(mode="after")
    def _shards_agree(self) -> "DiscordSettings":
        wrong = [shard for shard in self.shard_ids if shard >= self.shard_count]
        if wrong:
            raise ValueError(f"shard_ids: {wrong[0]} is not below shard_count ({self.shard_count})")
        return self


class TelegramSettings(Section):
    """The Telegram bot; it runs when it has a token."""

    token: SecretStr | None = None
    """The bot's token. Secret: only from ATELIER_TELEGRAM__TOKEN."""
    api_base: Url = "https://api.telegram.org"
    """Address of the Bot API."""
    file_base: Url = "https://api.telegram.org/file"
    """Address that files are fetched from; no other is."""
    webhook_url: Annotated[Url | None, BeforeValidator(empty_is_none)] = None
    """Public https address that Telegram sends updates to; its path is served by the service's door. Empty: polling."""
    webhook_secret: SecretStr | None = None
    """What Telegram shows with every update, 16 to 256 of A-Z, a-z, 0-9, _ and -. Secret: only from the environment."""

    @check_together(mode="after")
    def _webhook_is_whole(self) -> "TelegramSettings":
        if self.webhook_url is None:
            return self
        secret = "" if self.webhook_secret is None else self.webhook_secret.get_secret_value()
        if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", secret):
            raise ValueError("webhook_url needs webhook_secret: 16 to 256 of A-Z, a-z, 0-9, _ and -")
        if urlsplit(self.webhook_url).path.strip("/") in ("", "healthz", "readyz", "metrics", "console", "prune"):
            raise ValueError("webhook_url needs a path of its own, for example https://example.org/telegram")
        return self


class HttpSettings(Section):
    """The service's own door: health, metrics and the console's way in."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. 127.0.0.1 answers only this machine."""
    port: int = Field(default=8190, ge=0, le=65535)
    """Port to listen on, 1 to 65535; 0 takes any free one."""


class DefaultsSettings(Section):
    """What a request means that does not say."""

    template: Slug = "txt2img"
    """The workflow template."""
    model: str = ""
    """The checkpoint's file name. Empty: the first that the endpoints have, or else the built-in one."""


class QuotaSettings(Section):
    """What a person may ask for. A credit is one second of the reference GPU."""

    grant: int = Field(default=600, ge=0, le=1_000_000_000)
    """Credits granted to each person each period, 0 to 1000000000."""
    community_grant: int = Field(default=0, ge=0, le=1_000_000_000)
    """Credits granted to each community's wallet each period, 0 to 1000000000. Anybody can make a community."""
    period_hours: float = Field(default=24.0, gt=0, le=8784)
    """Length of a period in hours, above 0 and at most 8784 (a year)."""
    max_queued_jobs: int = Field(default=20, ge=1, le=10_000)
    """The most jobs that one person may have waiting or running, 1 to 10000."""
    max_jobs_per_request: int = Field(default=16, ge=1, le=1000)
    """The most jobs that one message with {a, b} in it may make, 1 to 1000."""


class QueueSettings(Section):
    """Whose turn it is, and how long anything may wait."""

    max_running_tasks: int = Field(default=8, ge=0, le=10_000)
    """The most pictures of one person that are made at once, 0 to 10000; 0: no limit."""
    max_community_jobs: int = Field(default=0, ge=0, le=1_000_000)
    """The most jobs of one community's people waiting or running, 0 to 1000000; 0: no limit."""
    max_community_tasks: int = Field(default=0, ge=0, le=10_000)
    """The most pictures of one community's people that are made at once, 0 to 10000; 0: no limit."""
    relaxed_share: int = Field(default=10, ge=0, le=90)
    """Per cent of the work that relaxed jobs get while fast ones wait too, 0 to 90."""
    affinity: int = Field(default=20, ge=0, le=100_000)
    """Credits of work that an endpoint may do before its turn because it has the checkpoint loaded, 0 to 100000."""
    max_wait_hours: float = Field(default=24.0, gt=0, le=8784)
    """Hours that a job may wait before it ends unmade and its credits return, above 0 and at most 8784."""


class TasksSettings(Section):
    """How hard a picture is tried."""

    max_tries: int = Field(default=3, ge=1, le=20)
    """How often a task is tried before it fails, 1 to 20."""
    timeout: float = Field(default=600.0, ge=1, le=86_400)
    """Seconds without any progress after which a try is given up, 1 to 86400."""


class InputsSettings(Section):
    """Limits for pictures that people send; anything larger is refused before it is decoded."""

    max_bytes: int = Field(default=20_971_520, ge=1024, le=1_073_741_824)
    """Size of the file in bytes, 1024 to 1073741824. The default is 20 MiB."""
    max_pixels: int = Field(default=16_777_216, ge=4096, le=268_435_456)
    """Width times height in pixels, 4096 to 268435456. The default is 4096 x 4096."""
    max_side: int = Field(default=8192, ge=64, le=65_535)
    """The longer side in pixels, 64 to 65535."""


class DeliverySettings(Section):
    """How results reach people."""

    ping_after: float = Field(default=300.0, ge=0, le=86_400)
    """Seconds of waiting after which the person is called once when the result is there, 0 to 86400. 0: never."""


class RetentionSettings(Section):
    """How long files are kept; a community's own policy goes before."""

    days: int = Field(default=0, ge=0, le=36_500)
    """Days that pictures, and the pictures they start from, are kept after their job ended, 0 to 36500. 0: for ever."""
    sampler_hours: float = Field(default=24.0, ge=1, le=8784)
    """Hours that the sampler child keeps its own copies of inputs and results, 1 to 8784."""


class LogSettings(Section):
    """What the service writes to its standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    format: Literal["console", "json"] = "console"
    """console: for people. json: one object a line, for machines."""


class Settings(BaseSettings):
    """Everything that can be set, once; built by `load_settings` (or by hand in tests), never changed."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix="ATELIER_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    data_dir: Directory = Path("data")
    """Folder for the database, the pictures and the sampler's files; made if it is not there."""
    locale: Language = "en"
    """Language of people whose platform names none, as a BCP 47 tag: en, zh-CN."""
    access: Literal["open", "allowlist"] = "allowlist"
    """open: everybody on the platforms is served. allowlist: only what `allowlist` names. The console always is."""
    allowlist: tuple[PlatformId, ...] = ()
    """Guilds, chats and (for direct messages) people that are served: discord:ID, telegram:ID."""
    operators: tuple[PlatformId, ...] = ()
    """People who may do everything: discord:ID, telegram:ID. Whoever uses the console is one."""
    database: DatabaseSettings = DatabaseSettings()
    """Where jobs, ledger and people are kept."""
    endpoints: tuple[EndpointSettings, ...] = Field(
        default=(EndpointSettings(name="local", kind="local"),), min_length=1
    )
    """The servers that make pictures, at least one; at most one of kind local."""
    endpoint_keys: Annotated[dict[Slug, SecretStr], BeforeValidator(as_endpoints_are_named)] = Field(
        default_factory=dict
    )
    """Keys by endpoint, sent as `Authorization: Bearer KEY`. Secret: only from ATELIER_ENDPOINT_KEYS__NAME."""
    sampler: SamplerSettings = SamplerSettings()
    """The sampler that runs as a child process."""
    discord: DiscordSettings = DiscordSettings()
    """The Discord bot."""
    telegram: TelegramSettings = TelegramSettings()
    """The Telegram bot."""
    http: HttpSettings = HttpSettings()
    """The service's own door."""
    workflows_dir: OptionalDirectory = None
    """A folder of your own templates, NAME/workflow.json and NAME/template.toml. Empty: only the built-in ones."""
    defaults: DefaultsSettings = DefaultsSettings()
    """What a request means that does not say."""
    quota: QuotaSettings = QuotaSettings()
    """What a person may ask for."""
    queue: QueueSettings = QueueSettings()
    """Whose turn it is."""
    tasks: TasksSettings = TasksSettings()
    """How hard a picture is tried."""
    inputs: InputsSettings = InputsSettings()
    """Limits for pictures that people send."""
    delivery: DeliverySettings = DeliverySettings()
    """How results reach people."""
    retention: RetentionSettings = RetentionSettings()
    """How long files are kept."""
    safety: SafetySettings = SafetySettings()
    """What may be asked for and shown."""
    log: LogSettings = LogSettings()
    """What the service writes to its standard error."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing but the constructor's arguments: only the compose files read the process's environment."""
        return (init_settings,)

    @check_together(mode="after")
    def _endpoints_agree(self) -> "Settings":
        names = [endpoint.name for endpoint in self.endpoints]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"there are two endpoints named `{name}`; names must be unique")
        if sum(endpoint.kind == "local" for endpoint in self.endpoints) > 1:
            raise ValueError("there are two endpoints of kind local; one sampler child serves this machine")
        for name in self.endpoint_keys:
            if name not in names:
                hint = did_you_mean(name, names)
                raise ValueError(f"there is a key for the endpoint `{name}`, but no such endpoint{hint}")
        return self

    @property
    def database_path(self) -> Path:
        """The SQLite file: `database.url`'s path, or `atelier.db` in `data_dir`."""
        if not self.database.url:
            return self.data_dir / "atelier.db"
        return Path(self.database.url.removeprefix("sqlite:///")).expanduser()


def config_dir() -> Path:
    """The folder of data that ships with Atelier: `workflows/`, `locales/`, `models/tiny/`, `atelier.toml`."""
    return Path(__file__).parent


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings file and the given environment into one tree.

    Without a path the file is `environ["ATELIER_CONFIG"]`, else `./atelier.toml` if it exists, else none. Raises
    SettingsError with one sentence for each thing that is wrong.
    """
    if path is None and environ.get(CONFIG_VARIABLE):
        path = Path(environ[CONFIG_VARIABLE])
    elif path is None and Path("atelier.toml").is_file():
        path = Path("atelier.toml")
    document = read_toml(path) if path is not None else Document()
    problems = unknown_variables(Settings, environ, ignore={CONFIG_VARIABLE, SAMPLER_KEY_VARIABLE})
    problems += forbidden_secrets(Settings, document)
    if problems:
        raise SettingsError(problems)
    variables = read_environment(Settings, environ)
    try:
        return Settings(**merge(document.values, variables))
    except ValidationError as error:
        raise SettingsError(describe(Settings, error, document, variables)) from None
