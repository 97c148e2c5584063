import pytest

from evaluate import budget_alert_types
from evaluate.budget_alert_types import (
    BUDGET_ALERT_TYPES,
    BaseBudgetAlertType,
    OrganizationMemberBudgetAlert,
    ProjectBudgetAlert,
    TagBudgetAlert,
    TeamMemberBudgetAlert,
    get_budget_alert_type,
    get_entity_type,
    get_event_group_type,
    given,
)
from gateway_alerts.errors import UnknownBudgetAlertType, UnknownEventGroup
from gateway_alerts.events import UserInfo

#: Every field that identifies or names anything, each with a value of its own.
EVERYBODY = UserInfo(
    spend=1,
    token="the-key",
    key_alias="Key Alias",
    user_id="the-user",
    user_email="user@example.com",
    team_id="the-team",
    team_alias="Team Alias",
    organization_id="the-organization",
    organization_alias="Organization Alias",
    project_id="the-project",
    project_alias="Project Alias",
    customer_id="the-customer",
    entity_id="the-entity",
    entity_alias="Entity Alias",
)
NOBODY = UserInfo(spend=1)

#: type → event group, message, id of EVERYBODY, name of EVERYBODY
CLASSES: dict[str, tuple[str, str, str, str | None]] = {
    "token_budget": ("key", "Key Budget: ", "the-key", "Key Alias"),
    "user_budget": ("user", "User Budget: ", "the-user", "user@example.com"),
    "team_budget": ("team", "Team Budget: ", "the-team", "Team Alias"),
    "team_member_budget": ("team_member", "Team Member Budget: ", "the-user:the-team", "user@example.com in Team Alias"),
    "organization_budget": ("organization", "Organization Budget: ", "the-organization", "Organization Alias"),
    "organization_member_budget": (
        "organization_member",
        "Organization Member Budget: ",
        "the-user:the-organization",
        "user@example.com in Organization Alias",
    ),
    "project_budget": ("project", "Project Budget: ", "the-project", "Project Alias"),
    "proxy_budget": ("proxy", "Proxy Budget: ", "default_id", "Entity Alias"),
    "end_user_budget": ("end_user", "End User Budget: ", "the-customer", "Entity Alias"),
    "tag_budget": ("tag", "Tag Budget: ", "the-entity", "Entity Alias"),
    "agent_budget": ("agent", "Agent Budget: ", "the-entity", "Entity Alias"),
    "model_access_group_budget": ("model_access_group", "Model Access Group Budget: ", "the-entity", "Entity Alias"),
    "soft_budget": ("key", "Soft Budget Crossed: ", "the-key", None),
    "max_budget_alert": ("key", "Key Budget: ", "the-key", None),
    "projected_limit_exceeded": ("key", "Key Budget: Projected Limit Exceeded", "the-key", None),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_type_says_whose_budget_it_is_and_how_it_reads(name: str) -> None:
    group, message, entity_id, entity_name = CLASSES[name]
    budget_type = get_budget_alert_type(name)
    assert budget_type.get_event_group() == group
    assert budget_type.get_event_message() == message
    assert budget_type.get_id(EVERYBODY) == entity_id
    if entity_name is not None:
        assert budget_type.get_name(EVERYBODY) == entity_name


def test_every_row_of_the_table_is_in_the_table_above() -> None:
    assert list(BUDGET_ALERT_TYPES) == list(CLASSES)


ONE_OF_ITS_KIND = {"proxy_budget"}


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in ONE_OF_ITS_KIND])
def test_an_entity_that_the_event_does_not_identify_has_no_id_rather_than_a_shared_one(name: str) -> None:
    assert get_budget_alert_type(name).get_id(NOBODY) is None  # D6: not `default_id`
    assert get_budget_alert_type(name).get_name(NOBODY) is None
    assert get_budget_alert_type(name).get_hint(NOBODY) is None


def test_the_whole_gateway_is_one_of_its_kind() -> None:
    assert get_budget_alert_type("proxy_budget").get_id(NOBODY) == "default_id"


BLANK = UserInfo(
    spend=1,
    **dict.fromkeys(
        ["token", "user_id", "team_id", "organization_id", "project_id", "customer_id", "entity_id", "user_email"], " \t"
    ),
)


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in ONE_OF_ITS_KIND])
def test_a_blank_id_is_no_id(name: str) -> None:
    assert get_budget_alert_type(name).get_id(BLANK) is None


def test_a_project_is_known_by_its_own_id_and_never_by_the_calling_key() -> None:
    called_by_a_key = UserInfo(spend=1, token="the-key", key_alias="Key Alias", team_id="the-team")
    assert ProjectBudgetAlert().get_id(called_by_a_key) is None  # D7
    assert ProjectBudgetAlert().get_hint(called_by_a_key) == "the-team"


def test_an_unidentified_project_is_told_apart_by_its_alias_before_its_team() -> None:
    assert ProjectBudgetAlert().get_hint(UserInfo(spend=1, project_alias="Atlas", team_id="t")) == "Atlas"


MEMBERS = {
    "plain ids": ("u", "t", "u:t"),
    "a colon in the user's id": ("a:b", "c", "a%3Ab:c"),
    "a colon in the team's id": ("a", "b:c", "a:b%3Ac"),
    "a percent sign that looks like the escape": ("a%3Ab", "c", "a%253Ab:c"),
}


@pytest.mark.parametrize(("user_id", "team_id", "expected"), MEMBERS.values(), ids=MEMBERS)
def test_a_members_id_is_user_and_group(user_id: str, team_id: str, expected: str) -> None:
    assert TeamMemberBudgetAlert().get_id(UserInfo(spend=1, user_id=user_id, team_id=team_id)) == expected


def test_members_with_the_same_letters_in_other_places_are_two() -> None:
    ids = {TeamMemberBudgetAlert().get_id(UserInfo(spend=1, user_id=u, team_id=t)) for u, t, _ in MEMBERS.values()}
    assert len(ids) == len(MEMBERS)


HALF_MEMBERS = {
    "no group": (UserInfo(spend=1, user_id="u", user_email="u@example.com"), "u"),
    "no user but an address": (UserInfo(spend=1, user_email="u@example.com", team_id="t"), "u@example.com"),
    "only a group": (UserInfo(spend=1, team_id="t"), "t"),
}


@pytest.mark.parametrize(("user_info", "hint"), HALF_MEMBERS.values(), ids=HALF_MEMBERS)
def test_half_a_member_has_no_id_and_is_told_apart_by_what_there_is(user_info: UserInfo, hint: str) -> None:
    assert TeamMemberBudgetAlert().get_id(user_info) is None
    assert TeamMemberBudgetAlert().get_hint(user_info) == hint


def test_a_member_without_names_is_called_by_the_ids() -> None:
    assert OrganizationMemberBudgetAlert().get_name(UserInfo(spend=1, user_id="u", organization_id="o")) == "u in o"


MEMBER_FIELDS = {
    "user and group": ("u:t", {"user_id": "u", "team_id": "t"}),
    "a user's id with a colon": ("a:b:t", {"user_id": "a:b", "team_id": "t"}),
    "a group alone": ("t", {"team_id": "t"}),
}


@pytest.mark.parametrize(("entity_id", "fields"), MEMBER_FIELDS.values(), ids=MEMBER_FIELDS)
def test_a_members_id_as_the_reference_spells_it_gives_user_and_group(entity_id: str, fields: dict[str, str]) -> None:
    assert TeamMemberBudgetAlert().fields_for_id(entity_id) == fields


@pytest.mark.parametrize("name", ["soft_budget", "max_budget_alert", "projected_limit_exceeded"])
@pytest.mark.parametrize(
    ("event_group", "owner"), [(None, "key"), (" ", "key"), ("team", "team"), ("team_member", "team_member")]
)
def test_a_budget_of_any_entity_belongs_to_the_event_group_or_else_to_the_key(
    name: str, event_group: str | None, owner: str
) -> None:
    user_info = EVERYBODY.model_copy(update={"event_group": event_group})
    entity_type = get_entity_type(get_budget_alert_type(name), user_info)
    assert entity_type is get_event_group_type(owner)
    assert get_budget_alert_type(name).get_id(user_info) == entity_type.get_id(user_info)


def test_a_budget_of_one_entity_belongs_to_it_whatever_the_event_group_says() -> None:
    user_budget = get_budget_alert_type("user_budget")
    assert get_entity_type(user_budget, EVERYBODY.model_copy(update={"event_group": "team"})) is user_budget


def test_an_unknown_type_is_a_named_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownBudgetAlertType, match=r"^unknown_budget_alert_type: 'some_future_budget'; known are token_budget"):
        get_budget_alert_type("some_future_budget")


def test_an_unknown_event_group_is_a_named_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownEventGroup, match=r"^unknown_event_group: 'galaxy'; known are key, user"):
        get_event_group_type("galaxy")


def test_an_unknown_event_group_is_refused_where_the_type_follows_it() -> None:
    with pytest.raises(UnknownEventGroup):
        get_entity_type(get_budget_alert_type("soft_budget"), UserInfo(spend=1, event_group="galaxy"))


def test_a_long_unknown_name_is_cut() -> None:
    with pytest.raises(UnknownBudgetAlertType) as raised:
        get_budget_alert_type("x" * 2_000)
    assert "x" * 80 in str(raised.value)
    assert "x" * 81 not in str(raised.value)


def test_two_types_with_one_event_group_fail_when_the_table_is_loaded() -> None:
    with pytest.raises(ValueError, match="label_budget: another budget alert type has the event group tag"):
        budget_alert_types._by_event_group({"tag_budget": TagBudgetAlert(), "label_budget": TagBudgetAlert()})


def test_a_type_that_lacks_one_of_its_three_methods_cannot_be_built() -> None:
    class Half(BaseBudgetAlertType):
        def get_event_group(self) -> str:
            return "half"

    with pytest.raises(TypeError, match="get_event_message"):
        Half()  # type: ignore[abstract]


GIVEN = {"nothing": (None, None), "empty": ("", None), "blank": (" \n", None), "zero": ("0", "0"), "padded": (" a ", " a ")}


@pytest.mark.parametrize(("text", "expected"), GIVEN.values(), ids=GIVEN)
def test_given_text_is_neither_missing_nor_blank(text: str | None, expected: str | None) -> None:
    assert given(text) == expected
