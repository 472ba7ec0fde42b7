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
    Column("series_instance_uid", String(64), nullable=False),
    Column("is_urgent", Boolean, nullable=False),
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
    Column("check_at", Float, nullable=True),
    Column("checks", Integer, nullable=False),
    Column("transaction_uid", String(64), nullable=True, index=True),
    UniqueConstraint("sop_instance_uid", "destination"),
    Index("ix_deliveries_due", "state", "next_attempt_at"),
)
"""``check_at`` is when a destination that took a result is asked whether it keeps it; null for never."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tracking_uid", String(64), nullable=False),
    Column("source_uid", String(64), nullable=False),
    Column("line", String, nullable=False),
    UniqueConstraint("tracking_uid", "source_uid"),
)
"""Radiologists' answers, each as the line that is exported (`listener.verdicts`)."""

answers_read = Table(
    "answers_read",
    metadata,
    Column("study_instance_uid", String(64), primary_key=True),
    Column("name", String(128), primary_key=True),
)
"""Documents that came in and have been looked through for verdicts."""
