"""A key goes where the user said: the service that a stranger's run folder names gets none."""

from __future__ import annotations

import pytest

pytest.importorskip("openai")

from click.testing import CliRunner

from ftdata.cli.jobs import command
from ftdata.errors import UsageError
from ftdata.train.remote.connect import Service
from ftdata.train.remote.hosts import MOST_HOSTS, check_named, hosts_file, remember
from ftdata.train.remote.run import service_of
from ftdata.train.runs import start_run

STRANGER = {"base_url": "https://tuning.example.net/v1", "azure": None, "api_version": "1"}


@pytest.fixture(autouse=True)
def own_hosts(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize(
    "service",
    [Service(STRANGER["base_url"]), Service(azure="https://me.openai.azure.com"), Service("https://api.openai.com.evil/v1")],
)
def test_a_service_is_unknown_until_it_is_named(service):
    with pytest.raises(UsageError, match=f"names {service.host}") as caught:
        check_named(service)
    assert "ftdata jobs list --" in caught.value.hint
    assert remember(service) is service
    check_named(service)
    remember(service)
    assert hosts_file().read_text() == f"{service.host}\n"


@pytest.mark.parametrize("service", [Service(), Service("http://localhost:8000/v1"), Service("http://127.0.0.1:1/v1")])
def test_openai_and_this_machine_need_no_naming(service):
    check_named(service)
    remember(service)
    assert not hosts_file().exists()


def test_no_key_goes_to_the_service_of_a_strangers_run(tmp_path, monkeypatch):
    monkeypatch.setenv("FTDATA_API_KEY", "key-of-mine-1234")
    run, _ = start_run(tmp_path / "run", {"data": "1"}, backend="openai", state="running", service=STRANGER)
    with pytest.raises(UsageError, match=r"no key is sent there"):
        service_of(run)
    remember(Service(STRANGER["base_url"]))
    assert service_of(run).host == "tuning.example.net"


def test_naming_a_service_on_the_command_line_is_kept(monkeypatch):
    monkeypatch.delenv("FTDATA_API_KEY", raising=False)
    # Without a key nothing is sent; the host is known all the same.
    CliRunner().invoke(command, ["list", "--base-url", "https://tuning.invalid/v1"], standalone_mode=False)
    assert hosts_file().read_text() == "tuning.invalid\n"
    refused = CliRunner().invoke(command, ["list", "--base-url", "http://plain.invalid/v1"], standalone_mode=False)
    assert isinstance(refused.exception, UsageError) and hosts_file().read_text() == "tuning.invalid\n"


def test_a_file_of_hosts_that_cannot_be_read_names_none(tmp_path):
    hosts_file().mkdir(parents=True)
    remember(Service(STRANGER["base_url"]))
    with pytest.raises(UsageError):
        check_named(Service(STRANGER["base_url"]))


def test_the_file_of_hosts_does_not_grow_without_end():
    hosts_file().parent.mkdir(parents=True)
    hosts_file().write_text("".join(f"h{number}.example\n" for number in range(MOST_HOSTS)))
    remember(Service(STRANGER["base_url"]))
    assert len(hosts_file().read_text().split()) == MOST_HOSTS and "h0.example" not in hosts_file().read_text().split()
