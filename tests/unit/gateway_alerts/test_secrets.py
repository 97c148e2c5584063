from typing import Any

import pytest
from pydantic import SecretStr

from gateway_alerts import secrets
from gateway_alerts.errors import ConfigurationError, DependencyUnavailable
from tests.unit.gateway_alerts.fake_aws import AwsError, FakeAws, age_secrets, unreachable

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:tokens-AbCdEf"


def test_a_secret_is_fetched_once_and_kept(fake_aws: FakeAws) -> None:
    fake_aws.answers["GetSecretValue"] = {"SecretString": "the-secret"}
    assert [secrets.secret(ARN) for _ in range(3)] == ["the-secret"] * 3
    assert fake_aws.calls == [("GetSecretValue", {"SecretId": ARN})]


def test_a_secret_that_is_no_text_is_empty(fake_aws: FakeAws) -> None:
    fake_aws.answers["GetSecretValue"] = {"SecretBinary": "AAEC"}
    assert secrets.secret(ARN) == ""


def test_a_parameter_is_fetched_once_decrypted_and_kept(fake_aws: FakeAws) -> None:
    fake_aws.answers["GetParameter"] = {"Parameter": {"Value": "{}"}}
    assert [secrets.parameter("/config") for _ in range(3)] == ["{}"] * 3
    assert fake_aws.calls == [("GetParameter", {"Name": "/config", "WithDecryption": True})]


READS: dict[str, tuple[Any, str, Any, Any]] = {
    "a secret": (
        secrets.secret,
        "GetSecretValue",
        {"SecretString": "old"},
        {"SecretString": "new"},
    ),
    "a parameter": (
        secrets.parameter,
        "GetParameter",
        {"Parameter": {"Value": "old"}},
        {"Parameter": {"Value": "new"}},
    ),
}


@pytest.mark.parametrize(("read", "operation", "old", "new"), READS.values(), ids=READS)
class TestBoth:
    def test_it_is_fetched_again_when_it_has_aged(self, fake_aws: FakeAws, read: Any, operation: str, old: Any, new: Any) -> None:
        fake_aws.answers[operation] = old
        assert read("name") == "old"
        fake_aws.answers[operation] = new
        assert read("name") == "old"
        age_secrets()
        assert read("name") == "new"

    def test_when_the_service_fails_the_value_fetched_last_is_used(
        self, fake_aws: FakeAws, read: Any, operation: str, old: Any, new: Any
    ) -> None:
        fake_aws.answers[operation] = old
        read("name")
        fake_aws.answers[operation] = AwsError("AccessDeniedException")
        age_secrets()
        assert read("name") == "old"
        fake_aws.answers[operation] = new
        assert read("name") == "new"

    def test_when_no_answer_comes_the_value_fetched_last_is_used(
        self, fake_aws: FakeAws, read: Any, operation: str, old: Any, new: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_aws.answers[operation] = old
        read("name")
        monkeypatch.setattr("time.sleep", lambda _: None)
        fake_aws.answers[operation] = unreachable()
        age_secrets()
        assert read("name") == "old"

    def test_when_the_service_fails_at_first_it_is_unavailable(
        self, fake_aws: FakeAws, read: Any, operation: str, old: Any, new: Any
    ) -> None:
        fake_aws.answers[operation] = AwsError("AccessDeniedException", message="sk-SECRET in the answer")
        with pytest.raises(DependencyUnavailable, match=r"name could not be fetched \(\w+\)") as raised:
            read("name")
        assert "SECRET" not in str(raised.value)

    def test_another_ones_value_is_not_used(self, fake_aws: FakeAws, read: Any, operation: str, old: Any, new: Any) -> None:
        fake_aws.answers[operation] = old
        read("name")
        fake_aws.answers[operation] = AwsError("ResourceNotFoundException")
        with pytest.raises(DependencyUnavailable):
            read("another name")


class TestResolve:
    def test_from_the_environment(self) -> None:
        assert secrets.resolve("os.environ/HOOK", environment={"HOOK": " https://hook \n"}) == SecretStr("https://hook")

    def test_from_secrets_manager(self, fake_aws: FakeAws) -> None:
        fake_aws.answers["GetSecretValue"] = {"SecretString": "https://hook\n"}
        assert secrets.resolve(f"secretsmanager:{ARN}", environment={}) == SecretStr("https://hook")
        assert fake_aws.calls[0][1]["SecretId"] == ARN

    def test_from_a_parameter(self, fake_aws: FakeAws) -> None:
        fake_aws.answers["GetParameter"] = {"Parameter": {"Value": "https://hook"}}
        assert secrets.resolve("ssm:/hook", environment={}) == SecretStr("https://hook")

    @pytest.mark.parametrize("environment", [{}, {"HOOK": ""}, {"HOOK": "  "}], ids=["not set", "empty", "blank"])
    def test_with_nothing_behind_it(self, environment: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match=r"^os\.environ/HOOK is empty or not set$"):
            secrets.resolve("os.environ/HOOK", environment=environment)

    def test_a_secret_does_not_show_itself(self) -> None:
        assert "hook" not in repr(secrets.resolve("os.environ/HOOK", environment={"HOOK": "https://hook"}))
