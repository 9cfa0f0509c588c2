"""The exceptions say what is wrong, where, and whose request it was."""

from __future__ import annotations

import inspect

import pytest

from penstock.client import errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (413, errors.APIStatusError),
        (422, errors.UnprocessableEntityError),
        (429, errors.RateLimitError),
        (503, errors.InternalServerError),
    ],
)
def test_each_status_has_its_exception(status, kind):
    assert type(errors.status_error(status, {"detail": "no"})) is kind


def test_a_refusal_names_every_fault_in_its_message():
    problem = {
        "code": "input_invalid",
        "detail": "Two fields do not fit.",
        "requestId": "r1",
        "errors": [{"path": "a", "message": "is missing"}, {"path": "b", "message": "is no number", "line": 3}],
    }
    refusal = errors.status_error(400, problem)
    assert str(refusal) == "Two fields do not fit.; a: is missing; b: is no number"
    assert (refusal.code, refusal.request_id, refusal.errors[1].line) == ("input_invalid", "r1", 3)


def test_an_answer_of_a_proxy_is_still_a_sentence():
    assert str(errors.status_error(502, {})) == "the server answered 502"


def test_a_wait_that_is_over_is_a_timeout_error_for_everybody():
    assert issubclass(errors.APITimeoutError, TimeoutError)
    assert issubclass(errors.APITimeoutError, errors.APIConnectionError)


def test_the_drawn_tree_is_the_real_one():
    drawn = {line.split("── ")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "── " in line}
    real = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.PenstockError) and name != "PenstockError"
    }
    assert drawn == real
