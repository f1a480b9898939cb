"""The real server in a process of its own: the demonstration, and a graceful end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from unilead import Registry
from unilead_host.accounts import Accounts
from unilead_host.crypto import Vault
from unilead_host.demo import Demo, demo_settings, sample_for
from unilead_host.providers import registry_of
from unilead_host.serving import listen
from unilead_host.settings import HostSettings
from unilead_host.storage import Database
from unilead_host.storage.sole import NotSoleError, sole_host
from unilead_host.tenants import Tenants
from unilead_host.tokens import Tokens

CHILD = Path(__file__).with_name("serving_child.py")
DEMO = [sys.executable, "-m", "unilead_host.cli", "demo", "--port", "0"]


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], sent: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    process.send_signal(sent)
    _, err = process.communicate(timeout=40)
    return process.returncode, err


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_demonstration_creates_a_lead_at_every_provider(tmp_path: Path) -> None:
    with running([*DEMO, "--json"], TMPDIR=str(tmp_path)) as process:
        told = json.loads(first_line(process))
        assert list(told) == ["url", "token", "accounts"]
        assert list(told["accounts"]) == list(Registry().slugs)
        for account_id in told["accounts"].values():
            answer = httpx.post(
                f"{told['url']}/unified/crm/leads",
                params={"integrated_account_id": account_id},
                headers={"Authorization": f"Bearer {told['token']}"},
                json={
                    "title": "CTO",
                    "name": "Lovelace",
                    "first_name": "Ada",
                    "last_name": "Lovelace",
                    "contact": {"id": "8841"},
                    "account": {"id": "2307", "name": "Engine Works Ltd"},
                },
            )
            assert answer.status_code == 200, answer.text
            assert answer.json()["id"]
        assert list(tmp_path.iterdir())
        code, err = ended(process)
    assert (code, err) == (0, "")
    assert not list(tmp_path.iterdir())


def test_the_demonstrations_curl_line_works_as_it_is_printed() -> None:
    with running(DEMO) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].startswith("  -d")):
            lines.append(process.stdout.readline().rstrip("\n"))
        command = "\n".join(lines[next(n for n, text in enumerate(lines) if text.startswith("curl")) :])
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["id"]
        assert ended(process, signal.SIGINT)[0] == 0


@pytest.mark.anyio
async def test_the_demonstration_leaves_out_what_cannot_be_simulated(tmp_path: Path, registry: Registry) -> None:
    """Globex has no simulator of its own here: what stands in for it takes other settings."""
    made = await Demo.prepare(registry, HostSettings(**demo_settings(tmp_path, host="127.0.0.1", port=0)))
    assert (list(made.accounts), made.broken) == (["acme"], ("globex",))


def test_the_sample_lead_has_what_each_provider_requires() -> None:
    for provider in registry_of(HostSettings()).all():
        assert {*provider.required} <= {*sample_for(provider)}


def test_a_taken_port_is_one_clear_line() -> None:
    taken = listen("127.0.0.1", 0)
    port = str(taken.getsockname()[1])
    with running([*DEMO[:-1], port]) as process:
        _, err = process.communicate(timeout=40)
    taken.close()
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use\n" in err
    assert "Traceback" not in err


def test_serving_migrates_and_says_so_in_json(tmp_path: Path) -> None:
    environment = {
        "UNILEAD_HOST_DATABASE_URL": f"sqlite:///{tmp_path}/host.sqlite",
        "UNILEAD_HOST_ENCRYPTION_KEYS": Vault.new_key(),
        "UNILEAD_HOST_ALLOW_PRIVATE": "true",
    }
    with running([sys.executable, "-m", "unilead_host.cli", "serve", "--port", "0"], **environment) as process:
        assert process.stderr is not None
        lines: list[dict[str, str]] = []
        while not (lines and lines[-1]["event"] == "serving"):
            lines.append(json.loads(process.stderr.readline()))
        assert "private_addresses_allowed" in [line["event"] for line in lines]  # S007
        url = lines[-1]["url"]
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.get(f"{url}/unified/crm/leads").status_code == 405
        code, rest = ended(process)
    assert code == 0
    assert all(json.loads(line) for line in rest.splitlines())


def test_an_sqlite_file_is_served_by_one_host(sqlite_url: str) -> None:
    environment = {"UNILEAD_HOST_DATABASE_URL": sqlite_url, "UNILEAD_HOST_ENCRYPTION_KEYS": Vault.new_key()}
    command = [sys.executable, "-m", "unilead_host.cli", "serve", "--port", "0"]
    with sole_host(sqlite_url), running(command, **environment) as process:
        _, err = process.communicate(timeout=40)
    assert process.returncode == 1
    assert "another host serves this database file" in err
    assert "Traceback" not in err
    with sole_host(sqlite_url):
        pass  # given back


def test_a_folder_that_takes_no_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "leads.db.lock").mkdir()
    with (
        pytest.raises(NotSoleError, match=r"leads\.db\.lock cannot be made"),
        sole_host(f"sqlite:///{tmp_path}/leads.db"),
    ):
        pass


async def prepared(url: str, key: str) -> tuple[str, str]:
    """A simulated account and a token. Returns: account id, token."""
    database = Database(url)
    tenant = await Tenants(database).create("ours")
    slug = Registry().slugs[0]
    account = await Accounts(database, Vault([key]), Registry()).create(tenant.id, slug, is_simulated=True)
    token, _ = await Tokens(database).create(tenant.id)
    await database.close()
    return account.id, token


def test_f085_told_to_end_the_host_finishes_what_is_under_way(sqlite_url: str) -> None:
    key = Vault.new_key()
    account_id, token = asyncio.run(prepared(sqlite_url, key))
    environment = {"UNILEAD_HOST_DATABASE_URL": sqlite_url, "UNILEAD_HOST_ENCRYPTION_KEYS": key}
    answers: list[httpx.Response] = []
    with running([sys.executable, str(CHILD), "2"], **environment) as process:
        url = first_line(process).strip()

        def create() -> None:
            query = {"integrated_account_id": account_id}
            lead = {"title": "CTO", "contact": {"id": "8841"}, "account": {"id": "2307"}}
            headers = {"Authorization": f"Bearer {token}"}
            answers.append(httpx.post(f"{url}/unified/crm/leads", params=query, headers=headers, json=lead, timeout=30))

        assert httpx.get(f"{url}/readyz").status_code == 200
        creating = threading.Thread(target=create)
        creating.start()
        time.sleep(0.7)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert httpx.get(f"{url}/readyz").status_code == 503
        assert httpx.get(f"{url}/healthz").status_code == 200
        creating.join()
        process.communicate(timeout=40)
    assert [answer.status_code for answer in answers] == [200]
    assert process.returncode == 0
