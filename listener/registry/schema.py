"""The registry's tables. Times are seconds since 1970 (UTC); the migrations build exactly this."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

studies = Table(
    "studies",
    metadata,
    Column("study_instance_uid", String(64), primary_key=True),
    Column("state", String(16), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_received_at", Float, nullable=False),
    Column("last_received_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("reason", String, nullable=False),
)

instances = Table(
    "instances",
    metadata,
    Column("study_instance_uid", String(64), ForeignKey("studies.study_instance_uid"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("series_instance_uid", String(64), nullable=False),
    Column("sop_class_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("transfer_syntax_uid", String(64), nullable=False),
    Column("modality", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("own", Boolean, nullable=False),
    Column("received_at", Float, nullable=False),
)

open_associations = Table(
    "open_associations",
    metadata,
    Column("association", String(64), primary_key=True),
    Column("study_instance_uid", String(64), primary_key=True),
)

results = Table(
    "results",
    metadata,
    Column("sop_instance_uid", String(64), primary_key=True),
    Column("study_instance_uid", String(64), ForeignKey("studies.study_instance_uid"), nullable=False),
    Column("result_key", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sop_class_uid", String(64), nullable=False),
    Column("path", String, nullable=False),
    Column("created_at", Float, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", String(64), ForeignKey("results.sop_instance_uid"), nullable=False),
    Column("destination", String(40), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Float, nullable=False),
    Column("last_error", String, nullable=False),
    Column("sent_at", Float, nullable=True),
    UniqueConstraint("sop_instance_uid", "destination"),
    Index("ix_deliveries_due", "state", "next_attempt_at"),
)
