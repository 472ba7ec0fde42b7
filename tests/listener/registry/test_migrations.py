"""Migrations: killed at any statement they leave the tables of before or after; a later release is heeded."""

import errno
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from faults import Counter, Strike, die, every_point, fail_with, in_a_child

import listener.registry
from listener.errors import SettingsError
from listener.registry import Registry

MIGRATIONS = Path(listener.registry.__file__).parent / "migrations"
FIRST = "0001"
NOW = datetime.now(UTC)


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.sqlite'}"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of the first release, with a study that was screened and sent."""
    folder = tmp_path / "old"
    folder.mkdir()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sa.create_engine(url(folder))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
        for row in (
            "INSERT INTO studies VALUES ('1.2', 'screened', 0, 1, 1.0, 2.0, 3.0, 'none found')",
            "INSERT INTO results VALUES ('1.9', '1.2', 'key', 'report', '1.2.840', 'a/report.dcm', 4.0)",
            "INSERT INTO deliveries VALUES (1, '1.9', 'pacs', 'sent', 1, 5.0, '', 6.0)",
        ):
            connection.execute(sa.text(row))
    engine.dispose()
    return folder


def tables(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "registry.sqlite") as connection:
        return sorted(
            connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        )


def assert_it_knows_what_the_first_release_knew(registry: Registry) -> None:
    (study,) = registry.studies.all()
    (delivery,) = registry.deliveries.of_study("1.2")
    assert study.reason == "none found" and delivery.state.value == "sent" and delivery.attempts == 1
    assert registry.deliveries.to_confirm(NOW) == []


def test_a_database_of_the_first_release_is_opened_by_this_one(old: Path) -> None:
    registry = Registry(url(old))
    registry.migrate()
    assert_it_knows_what_the_first_release_knew(registry)
    registry.close()


@pytest.mark.slow
@pytest.mark.parametrize("strike", [die, fail_with(errno.ENOSPC)], ids=["death", "ENOSPC"])
def test_a_migration_that_is_interrupted_leaves_the_tables_as_they_were(old: Path, strike: Strike) -> None:
    before = tables(old)
    whole = Registry(url(Path(shutil.copytree(old, old.with_name("whole")))))
    whole.migrate()
    whole.close()
    after = tables(old.with_name("whole"))
    for at, here in every_point(old.parent):
        folder = Path(shutil.copytree(old, here / "var"))

        def migrate(counter: Counter, folder: Path = folder) -> None:
            counter.watch_database()
            registry = Registry(url(folder))
            try:
                registry.migrate()
            except sa.exc.OperationalError:
                return  # `faintline serve` ends with it, and is started again

        reached = in_a_child(at, strike, migrate)
        assert tables(folder) in (before, after)
        registry = Registry(url(folder))
        registry.migrate()
        assert tables(folder) == after
        assert_it_knows_what_the_first_release_knew(registry)
        registry.close()
        if not reached:
            assert at > 10
            return


def test_a_database_of_a_later_release_is_refused_in_plain_words_and_left_alone(old: Path) -> None:
    with sqlite3.connect(old / "registry.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_later'")
    before = tables(old)
    with pytest.raises(SettingsError, match="later release"):
        Registry(url(old)).migrate()
    assert tables(old) == before
