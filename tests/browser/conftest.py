"""Browser tests: the page in real headless Chromium, against a host that serves on loopback.

Only ``tox -e browser`` collects this folder: a plain ``pytest`` does not go into it, and here a missing browser is an
error, never a skipped test.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import ARGUMENTS, require
from unilead import Simulator
from unilead_host import serving
from unilead_host.app import Application, create_app
from unilead_host.demo import Demo, demo_settings
from unilead_host.providers import registry_of
from unilead_host.settings import HostSettings

NARROW, WIDE = 360, 1280


@dataclass
class Stand:
    """A host that serves, as ``unilead-host demo`` does.

    Attributes:
        accounts: slug to the id of a simulated account.
    """

    url: str
    app: Application
    token: str = field(repr=False)
    accounts: dict[str, str]

    def simulator(self, slug: str) -> Simulator:
        simulator: Simulator = self.app.state.host.simulators[slug]
        return simulator


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    settings = HostSettings(**demo_settings(tmp_path_factory.mktemp("demo"), host="127.0.0.1", port=0))
    registry = registry_of(settings)
    demo = asyncio.run(Demo.prepare(registry, settings))
    app = create_app(settings, registry)
    app.state.sessions.let_in(demo.token)
    listening = serving.listen(settings.host, settings.port)
    started = threading.Event()
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="on")
    server = serving.Server(config, app, started.set, settings.create_timeout)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    assert started.wait(30)
    yield Stand(serving.url_of(listening), app, demo.token, demo.accounts)
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=require(), args=ARGUMENTS)
        yield launched
        launched.close()


Opening = Callable[..., Page]


@pytest.fixture
def opening(browser: Browser, stand: Stand) -> Iterator[Opening]:
    """Open a page of the host; whatever the browser's console says fails the test in the end.

    Verbose messages do not count: Chromium's advice that a form with two secrets might be two forms is one.
    """
    said: list[str] = []
    contexts = []

    def opening(path: str = "/", *, width: int = WIDE, scheme: Any = "light", script: bool = True) -> Page:
        context = browser.new_context(
            base_url=stand.url,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: message.type == "verbose" or said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return page

    yield opening
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(autouse=True)
def healthy(stand: Stand) -> Iterator[None]:
    """Simulators do what they are told in one test only."""
    yield
    for slug in stand.accounts:
        simulator = stand.simulator(slug)
        simulator.faults = type(simulator.faults)()


def pytest_report_header() -> list[str]:
    """Say which browser runs."""
    return [f"chromium: {Path(require())}"]
