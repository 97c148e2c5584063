import json

from evaluate.answers import evaluated_answer, http_answer, refusal_body
from evaluate.pipeline import Evaluation
from evaluate.shapes import Rejection


def test_an_answer_is_json_that_nobody_keeps() -> None:
    assert http_answer(200, {"name": "ü日本"}) == {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": '{"name": "ü日本"}',
    }


def test_a_refusal_has_the_counts_of_every_answer() -> None:
    assert refusal_body("unauthorized", "why") == {
        "error": "unauthorized",
        "message": "why",
        "accepted": 0,
        "alerts": 0,
        "rejected": [],
    }


def test_success_is_exactly_200_with_counts_and_refusals() -> None:
    evaluation = Evaluation(accepted=[0, 2], rejections=[Rejection(1, "code: why")])
    answer = evaluated_answer(evaluation, alert_count=1)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"accepted": 2, "alerts": 1, "rejected": [{"index": 1, "reason": "code: why"}]}


def test_400_when_nothing_was_usable_tells_why_of_each() -> None:
    answer = evaluated_answer(Evaluation(rejections=[Rejection(0, "code: why")]), alert_count=0)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"]) == {
        "error": "nothing_usable",
        "message": "no event of it could be used",
        "accepted": 0,
        "alerts": 0,
        "rejected": [{"index": 0, "reason": "code: why"}],
    }
