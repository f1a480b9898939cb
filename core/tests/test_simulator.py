"""The base of every simulator: which of its routes a call is for."""

from __future__ import annotations

import pytest

from unilead import Call, Response, Simulator, route


class Routes(Simulator):
    slug = "routes"
    sample_settings = {}

    @route("GET", "/leads/{lead_id}")
    def a_lead(self, call: Call, lead_id: str) -> Response:
        return Response.of(200, f"lead {lead_id}")

    @route("GET", "/leads/search")
    def the_search(self, call: Call) -> Response:
        return Response.of(200, "search")


@pytest.mark.parametrize(("path", "answer"), [("/leads/search", "search"), ("/leads/a%2Fb/", "lead a/b")])
def test_a_path_of_its_own_wins_over_a_placeholder_whatever_the_methods_are_called(path: str, answer: str) -> None:
    assert Routes().respond(Call("GET", path)).text == answer
