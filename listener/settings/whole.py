"""All sections in one; where the node's folders and databases lie, and who gets something of a result."""

from pathlib import Path

from pydantic import model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from listener.settings.sections import (
    Audit,
    Delivery,
    Destination,
    HL7Receiver,
    Log,
    Peer,
    Receiver,
    Report,
    Retention,
    Tls,
    Webhook,
    Worker,
)


class Settings(BaseSettings):
    """Everything that can be set, as ``faintline.toml`` has it."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="FAINTLINE_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
    )

    folder: Path = Path("var")
    """Spool, registry and results: everything that must survive. Relative to the settings file."""
    receiver: Receiver = Receiver()
    tls: Tls = Tls()
    worker: Worker = Worker()
    retention: Retention = Retention()
    report: Report = Report()
    delivery: Delivery = Delivery()
    audit: Audit = Audit()
    log: Log = Log()
    destinations: tuple[Destination, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    hl7: tuple[HL7Receiver, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose content arrives as the constructor's arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _destination_names_differ(self) -> "Settings":
        names = [peer.name for peer in self.peers]
        if len(set(names)) != len(names):
            raise ValueError("destinations, webhooks, hl7: every name must differ from the others")
        return self

    @property
    def spool(self) -> Path:
        """Where received instances lie."""
        return self.folder / "spool"

    @property
    def results(self) -> Path:
        """Where finished results lie."""
        return self.folder / "results"

    @property
    def audit_folder(self) -> Path:
        """Where the audit trail lies."""
        return self.folder / "audit"

    @property
    def registry_url(self) -> str:
        """The database of studies and deliveries."""
        return f"sqlite:///{self.folder / 'registry.sqlite'}"

    @property
    def screening_queue_url(self) -> str:
        """The durable queue of studies to screen."""
        return f"sqlite:///{self.folder / 'screening-queue.sqlite'}"

    @property
    def delivery_queue_url(self) -> str:
        """The durable queues of results to deliver."""
        return f"sqlite:///{self.folder / 'delivery-queue.sqlite'}"

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Everybody who gets something of a study's result."""
        return (*self.destinations, *self.webhooks, *self.hl7)

    def peer(self, name: str) -> Peer | None:
        """Find who is called ``name``; None where it is no longer configured."""
        return next((found for found in self.peers if found.name == name), None)
