"""What every part of the node can be told: one frozen, strict section each, its fields explained in place."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    IPvAnyAddress,
    SecretStr,
    model_validator,
)


def _is_ae_title(text: str) -> str:
    """PS3.5 6.2, AE: at most 16 characters, no backslash or control character, not only spaces."""
    if not text.strip() or len(text) > 16 or "\\" in text or not text.isascii() or not text.isprintable():
        raise ValueError("an AE title has 1 to 16 printable ASCII characters and no backslash")
    return text.strip()


AETitle = Annotated[str, AfterValidator(_is_ae_title)]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Section(BaseModel):
    """A part of the settings: frozen, and strict about what it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Caller(_Section):
    """A sender that may associate."""

    ae_title: AETitle
    """The calling AE title it uses."""
    host: IPvAnyAddress | None = None
    """Its IP address; leave it out to accept the title from everywhere (AE titles are names, not proof)."""


class Tls(_Section):
    """Encryption of what arrives: without a certificate there is none."""

    certificate: Path | None = None
    """Our certificate and its chain (PEM); once renewed it is used without a restart."""
    key: Path | None = None
    """The key of our certificate (PEM, without a passphrase)."""
    authority: Path | None = None
    """Certificates of the authorities (PEM) whose peers may connect; leave it out to ask for none."""

    @model_validator(mode="after")
    def _certificate_and_key_go_together(self) -> "Tls":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        if self.authority is not None and self.certificate is None:
            raise ValueError("an authority is of use only with a certificate of our own")
        return self


class Receiver(_Section):
    """The door: where studies arrive."""

    ae_title: AETitle = "FAINTLINE"
    """Our AE title; a sender that calls another one is rejected."""
    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for every network of this machine."""
    port: Port = 11112
    """The port to listen on."""
    quiet_seconds: float = Field(default=60, ge=0.1)
    """A study is complete after so long without a new instance and without an open association."""
    callers: list[Caller] | Literal["any"] = []
    """Who may associate: a list of AE titles with addresses; an empty list is nobody, "any" is everybody."""
    maximum_associations: int = Field(default=100, ge=1)
    """So many associations at a time; further ones are told to come back later."""
    maximum_associations_per_host: int = Field(default=20, ge=1)
    """So many of them from one address."""
    user_identity: Literal["ignore", "refuse"] = "ignore"
    """What becomes of a sender that identifies its user (PS3.7 D.3.3.7): nothing is checked or kept of it."""
    maximum_instance_mb: int = Field(default=1024, ge=1)
    """A larger instance is refused."""
    free_space_mb: int = Field(default=1024, ge=0)
    """With less free space than this, instances are refused (0xA700) until there is room again."""


class Worker(_Section):
    """The processes that screen."""

    processes: int = Field(default=1, ge=1)
    """How many studies are screened at a time, each in its own process."""
    threads: int = Field(default=0, ge=0)
    """CPU threads of each process; 0 shares the machine's cores evenly."""
    bundle: Path | None = None
    """Folder of the model bundle, relative to the settings file; leave it out for the one Faintline ships."""
    shadow: Path | None = None
    """Folder of a second bundle that screens when nothing waits; its findings are kept, never sent."""
    memory_limit_mb: int = Field(default=0, ge=0)
    """What each process may hold in memory; 0 shares three quarters of the machine's evenly."""
    time_limit_seconds: float = Field(default=900, gt=0)
    """A study that takes longer is given up like one whose process died."""
    attempts: int = Field(default=3, ge=1)
    """After so many failures a study is parked with the reason."""
    retry_seconds: float = Field(default=10, ge=0)
    """The pause before a failed study is tried again."""


class Retention(_Section):
    """How long images and results stay here, which is no archive: never is anything removed that is not
    screened and delivered, or that somebody should look into."""

    days: float = Field(default=0, ge=0)
    """A study that is done is removed so many days after its last image came; 0 keeps it for as long as there
    is room."""
    disk_percent: float = Field(default=90, ge=0, le=100)
    """When the disk is fuller than this, the oldest studies that are done are removed, an hour after their
    last image at the earliest; 0 never does that, and a full disk refuses what arrives."""


class Report(_Section):
    """What the results say."""

    flag_grade: Literal[1, 2, 3] = 2
    """The least Genant grade that is flagged; milder deformities are listed as possible."""
    wording: Path | None = None
    """A file of your own sentences (TOML), relative to the settings file; what it omits stays English."""
    font: Path | None = None
    """The font of the pictures (TrueType or OpenType); the built-in one has no accents or other alphabets."""


StudyFilter = Literal["all", "findings", "flagged"]
ResultObject = Literal[
    "report", "overview", "coronal", "close-ups", "presentation", "segmentation", "key-objects", "pdf"
]
USUAL_OBJECTS: tuple[ResultObject, ...] = ("report", "overview", "coronal", "close-ups")


class Delivery(_Section):
    """How results are sent."""

    first_retry_seconds: float = Field(default=30, gt=0)
    """The pause after the first failed attempt; it doubles with each further one."""
    longest_retry_seconds: float = Field(default=1800, gt=0)
    """The pause never grows beyond this. Attempts go on until the results are delivered."""
    timeout_seconds: float = Field(default=30, gt=0)
    """How long a destination may be silent."""
    confirmation_seconds: float = Field(default=900, gt=0)
    """How long to wait for a destination's word that it keeps the results before it is asked again."""


class Destination(_Section):
    """A peer that receives the results."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")
    """A short name of your choice, shown in `faintline status`."""
    ae_title: AETitle
    """The AE title it answers to."""
    host: str
    """Its address."""
    port: Port
    """Its port."""
    objects: tuple[ResultObject, ...] = USUAL_OBJECTS
    """Which result objects it gets."""
    report_class: Literal["comprehensive-3d", "comprehensive"] = "comprehensive-3d"
    """Which kind of Structured Report: the older one for a PACS or viewer that does not know the newer."""
    studies: StudyFilter = "all"
    """Of which studies it gets results: all, those with at least a possible deformity, or the flagged."""
    authority: Path | None = None
    """Certificates of the authorities (PEM) that vouch for it: with them it is spoken to over TLS only, and
    is shown `tls.certificate` where it asks for one."""
    certified_name: str = ""
    """The name in its certificate; leave it out where that is `host`."""
    confirm: bool = True
    """Ask it whether it keeps what it took: by storage commitment where offered, otherwise by query."""


class Webhook(_Section):
    """An address that is told of studies by a signed HTTP POST (JSON, no patient data)."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")
    """A short name of your choice, shown in `faintline status`."""
    url: HttpUrl
    """Where to POST."""
    secret: SecretStr = Field(min_length=16)
    """What the signature is made with; the receiver knows it too."""
    studies: StudyFilter = "flagged"
    """Of which studies it is told."""


class HL7Receiver(_Section):
    """A system that is told of studies by HL7 v2 ORU^R01 over MLLP. The message names the patient."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")
    """A short name of your choice, shown in `faintline status`."""
    host: str
    """Its address. MLLP is not encrypted: use a protected network."""
    port: Port
    """Its port."""
    application: str = ""
    """The receiving application (MSH-5)."""
    facility: str = ""
    """The receiving facility (MSH-6)."""
    studies: StudyFilter = "flagged"
    """Of which studies it is told."""


class Audit(_Section):
    """The audit trail, written to `audit/audit.log` in the folder; `faintline audit` checks its chain."""

    syslog_host: str = ""
    """A syslog server that gets every message too (RFC 5424); empty for none."""
    syslog_port: Port = 514
    """Its port."""
    syslog_transport: Literal["udp", "tcp", "tls"] = "udp"
    """How messages get there: by UDP, TCP or TLS."""
    syslog_authority: Path | None = None
    """Certificates (PEM) that vouch for a server reached by TLS; leave it out for those the system trusts."""


class Log(_Section):
    """What is logged, never a patient's name or ID."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severity that is written."""
    format: Literal["console", "json"] = "console"
    """Lines for people, or JSON for a collector."""


Peer = Destination | Webhook | HL7Receiver
