"""OPEN for extension: the kinds of budget that can raise an alert.

To add one: a class here, a row in ``BUDGET_ALERT_TYPES``, a sample in ``events/evaluate/``. Nothing else: routing,
thresholds, deduplication and rendering work from what the class says.

The names are the reference's. Two things differ on purpose. An entity without an id is ``None``, never the shared
``default_id``, so that one unnamed entity cannot silence another (D6). A project is known by its own id, never by
the key that happened to call (D7).
"""

from abc import ABC, abstractmethod
from typing import ClassVar, override

from gateway_alerts.errors import UnknownBudgetAlertType, UnknownEventGroup
from gateway_alerts.events import UserInfo


class BaseBudgetAlertType(ABC):
    """One kind of budget: whose it is, and how a person reads it."""

    #: The budget is a projection: the gateway has already decided that its limit will be exceeded.
    is_projection: ClassVar[bool] = False
    #: The event's ``event_group`` says whose budget it is; :meth:`get_event_group` only when it does not.
    follows_event_group: ClassVar[bool] = False
    #: One way in tells the entity's name and never its id (the reference's Slack text of a key): whoever has a name is
    #: claimed under it, so that both ways meet (see ``evaluate.claims``).
    is_claimed_by_name: ClassVar[bool] = False
    #: The reference's webhook and Slack text tell neither the entity's id nor its name, its request log both: what they
    #: say waits for the log (see ``evaluate.alerting``).
    is_named_by_request_log: ClassVar[bool] = False

    @abstractmethod
    def get_event_group(self) -> str:
        """The entity type, in the reference's terms: ``key``, ``user``, ``team`` …"""

    @abstractmethod
    def get_event_message(self) -> str:
        """What stands before the verdict in the alert's message, such as ``Key Budget: ``."""

    @abstractmethod
    def get_id(self, user_info: UserInfo) -> str | None:
        """The entity's id, unique within its type; None when the event does not say."""

    def get_name(self, user_info: UserInfo) -> str | None:
        """What a person calls the entity; None when only its id is known."""
        return user_info.entity_alias

    def get_hint(self, user_info: UserInfo) -> str | None:
        """What tells entities without an id apart, as far as the event allows."""
        name = self.get_name(user_info)
        return self.get_unnamed_hint(user_info) if name is None else name

    def get_unnamed_hint(self, user_info: UserInfo) -> str | None:  # noqa: ARG002 (who has one reads it)
        """What tells them apart where the event names them neither by id nor by name."""
        return None

    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        """The fields that hold an id as the reference spells it, for events that name an entity by type and id alone."""
        return {"entity_id": entity_id}


class TokenBudgetAlert(BaseBudgetAlertType):
    """The maximum budget of a virtual key."""

    is_claimed_by_name = True

    @override
    def get_event_group(self) -> str:
        return "key"

    @override
    def get_event_message(self) -> str:
        return "Key Budget: "

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return given(user_info.token)

    @override
    def get_name(self, user_info: UserInfo) -> str | None:
        return given(user_info.key_alias)

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        return {"token": entity_id}


class UserBudgetAlert(BaseBudgetAlertType):
    """The maximum budget of an internal user."""

    @override
    def get_event_group(self) -> str:
        return "user"

    @override
    def get_event_message(self) -> str:
        return "User Budget: "

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return given(user_info.user_id)

    @override
    def get_name(self, user_info: UserInfo) -> str | None:
        return given(user_info.user_email)

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        return {"user_id": entity_id}


class TeamBudgetAlert(BaseBudgetAlertType):
    """The maximum budget of a team."""

    @override
    def get_event_group(self) -> str:
        return "team"

    @override
    def get_event_message(self) -> str:
        return "Team Budget: "

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return given(user_info.team_id)

    @override
    def get_name(self, user_info: UserInfo) -> str | None:
        return given(user_info.team_alias)

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        return {"team_id": entity_id}


class _MemberBudgetAlert(BaseBudgetAlertType):
    """A user within a group. The id is ``USER:GROUP``, as the reference spells it when it refuses a request."""

    @abstractmethod
    def _group(self, user_info: UserInfo) -> tuple[str | None, str | None]:
        """The group's id and name."""

    @abstractmethod
    def _group_field(self) -> str: ...

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        user_id, (group_id, _) = given(user_info.user_id), self._group(user_info)
        if user_id is None or group_id is None:
            return None
        # Without the escape, user "a:b" of group "c" would be user "a" of group "b:c".
        return f"{_escape_colon(user_id)}:{_escape_colon(group_id)}"

    @override
    def get_name(self, user_info: UserInfo) -> str | None:
        member = given(user_info.user_email) or given(user_info.user_id)
        group_id, group_name = self._group(user_info)
        return f"{member} in {group_name or group_id}" if member and group_id else None

    @override
    def get_hint(self, user_info: UserInfo) -> str | None:
        return given(user_info.user_id) or given(user_info.user_email) or self._group(user_info)[0]

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        user_id, _, group_id = entity_id.rpartition(":")
        return {"user_id": user_id, self._group_field(): group_id} if user_id else {self._group_field(): group_id}


class TeamMemberBudgetAlert(_MemberBudgetAlert):
    """The budget of one user within one team."""

    @override
    def get_event_group(self) -> str:
        return "team_member"

    @override
    def get_event_message(self) -> str:
        return "Team Member Budget: "

    @override
    def _group(self, user_info: UserInfo) -> tuple[str | None, str | None]:
        return given(user_info.team_id), given(user_info.team_alias)

    @override
    def _group_field(self) -> str:
        return "team_id"


class OrganizationMemberBudgetAlert(_MemberBudgetAlert):
    """The budget of one user within one organization."""

    @override
    def get_event_group(self) -> str:
        return "organization_member"

    @override
    def get_event_message(self) -> str:
        return "Organization Member Budget: "

    @override
    def _group(self, user_info: UserInfo) -> tuple[str | None, str | None]:
        return given(user_info.organization_id), given(user_info.organization_alias)

    @override
    def _group_field(self) -> str:
        return "organization_id"


class OrganizationBudgetAlert(BaseBudgetAlertType):
    """The maximum budget of an organization."""

    @override
    def get_event_group(self) -> str:
        return "organization"

    @override
    def get_event_message(self) -> str:
        return "Organization Budget: "

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return given(user_info.organization_id)

    @override
    def get_name(self, user_info: UserInfo) -> str | None:
        return given(user_info.organization_alias)

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        return {"organization_id": entity_id}


class ProjectBudgetAlert(BaseBudgetAlertType):
    """The maximum budget of a project. The reference's own calls carry no project id, so the team tells them apart."""

    is_named_by_request_log = True

    @override
    def get_event_group(self) -> str:
        return "project"

    @override
    def get_event_message(self) -> str:
        return "Project Budget: "

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return given(user_info.project_id)

    @override
    def get_name(self, user_info: UserInfo) -> str | None:
        return given(user_info.project_alias)

    @override
    def get_unnamed_hint(self, user_info: UserInfo) -> str | None:
        return given(user_info.team_id)

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        return {"project_id": entity_id}


class ProxyBudgetAlert(BaseBudgetAlertType):
    """The maximum budget of a whole gateway; there is one of it, so it has the reference's constant id."""

    @override
    def get_event_group(self) -> str:
        return "proxy"

    @override
    def get_event_message(self) -> str:
        return "Proxy Budget: "

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return "default_id"

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        return {}


class EndUserBudgetAlert(BaseBudgetAlertType):
    """The budget of a customer (``end_user``), which the reference enforces and never alerts on."""

    @override
    def get_event_group(self) -> str:
        return "end_user"

    @override
    def get_event_message(self) -> str:
        return "End User Budget: "

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return given(user_info.customer_id)

    @override
    def fields_for_id(self, entity_id: str) -> dict[str, str]:
        return {"customer_id": entity_id}


class _NamedByIdBudgetAlert(BaseBudgetAlertType):
    """An entity that the reference gives no field of its own: it is ``entity_id``."""

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return given(user_info.entity_id)


class TagBudgetAlert(_NamedByIdBudgetAlert):
    """The budget of a request tag, which the reference enforces and never alerts on."""

    @override
    def get_event_group(self) -> str:
        return "tag"

    @override
    def get_event_message(self) -> str:
        return "Tag Budget: "


class AgentBudgetAlert(_NamedByIdBudgetAlert):
    """The budget of an agent, which the reference enforces and never alerts on."""

    @override
    def get_event_group(self) -> str:
        return "agent"

    @override
    def get_event_message(self) -> str:
        return "Agent Budget: "


class ModelAccessGroupBudgetAlert(_NamedByIdBudgetAlert):
    """The budget of a model access group, which the reference enforces and never alerts on."""

    @override
    def get_event_group(self) -> str:
        return "model_access_group"

    @override
    def get_event_message(self) -> str:
        return "Model Access Group Budget: "


class _AnyEntityBudgetAlert(BaseBudgetAlertType):
    """A budget that several entities can have: the event's ``event_group`` says whose it is, a key's otherwise."""

    follows_event_group = True

    @override
    def get_event_group(self) -> str:
        return "key"

    @override
    def get_id(self, user_info: UserInfo) -> str | None:
        return get_entity_type(self, user_info).get_id(user_info)


class SoftBudgetAlert(_AnyEntityBudgetAlert):
    """A soft budget, of whichever entity the event names."""

    @override
    def get_event_message(self) -> str:
        return "Soft Budget Crossed: "


class MaxBudgetAlert(_AnyEntityBudgetAlert):
    """The reference's second voice for keys and team members near their maximum; the same budgets as theirs."""

    @override
    def get_event_message(self) -> str:
        return "Key Budget: "


class ProjectedLimitExceededAlert(_AnyEntityBudgetAlert):
    """The gateway projects that the limit (for a key: its soft budget) will be exceeded before the budget resets."""

    is_projection = True

    @override
    def get_event_message(self) -> str:
        return "Key Budget: Projected Limit Exceeded"


#: ``type`` of a budget event → its budget alert type.
BUDGET_ALERT_TYPES: dict[str, BaseBudgetAlertType] = {
    "token_budget": TokenBudgetAlert(),
    "user_budget": UserBudgetAlert(),
    "team_budget": TeamBudgetAlert(),
    "team_member_budget": TeamMemberBudgetAlert(),
    "organization_budget": OrganizationBudgetAlert(),
    "organization_member_budget": OrganizationMemberBudgetAlert(),
    "project_budget": ProjectBudgetAlert(),
    "proxy_budget": ProxyBudgetAlert(),
    "end_user_budget": EndUserBudgetAlert(),
    "tag_budget": TagBudgetAlert(),
    "agent_budget": AgentBudgetAlert(),
    "model_access_group_budget": ModelAccessGroupBudgetAlert(),
    "soft_budget": SoftBudgetAlert(),
    "max_budget_alert": MaxBudgetAlert(),
    "projected_limit_exceeded": ProjectedLimitExceededAlert(),
}


def _by_event_group(types: dict[str, BaseBudgetAlertType]) -> dict[str, BaseBudgetAlertType]:
    entity_types: dict[str, BaseBudgetAlertType] = {}
    for name, budget_type in types.items():
        if budget_type.follows_event_group:
            continue
        if entity_types.setdefault(budget_type.get_event_group(), budget_type) is not budget_type:
            raise ValueError(f"{name}: another budget alert type has the event group {budget_type.get_event_group()}")
    return entity_types


_ENTITY_TYPES = _by_event_group(BUDGET_ALERT_TYPES)


def get_budget_alert_type(name: str) -> BaseBudgetAlertType:
    """The budget alert type of an event's ``type``.

    Raises:
        UnknownBudgetAlertType: where the reference silently uses the proxy's rules.
    """
    try:
        return BUDGET_ALERT_TYPES[name]
    except KeyError:
        raise UnknownBudgetAlertType(f"{name[:80]!r}; known are {', '.join(BUDGET_ALERT_TYPES)}") from None


def get_event_group_type(event_group: str) -> BaseBudgetAlertType:
    """The budget alert type of the entity that ``event_group`` names.

    Raises:
        UnknownEventGroup: no entity is called that.
    """
    try:
        return _ENTITY_TYPES[event_group]
    except KeyError:
        raise UnknownEventGroup(f"{event_group[:80]!r}; known are {', '.join(_ENTITY_TYPES)}") from None


def get_entity_type(budget_type: BaseBudgetAlertType, user_info: UserInfo) -> BaseBudgetAlertType:
    """The type that says whose budget it is: the type itself, or the one of the event's ``event_group``.

    Raises:
        UnknownEventGroup: the type follows ``event_group``, and no entity is called that.
    """
    if budget_type.follows_event_group:
        return get_event_group_type(given(user_info.event_group) or budget_type.get_event_group())
    return budget_type


def entity_types() -> frozenset[str]:
    """Every entity type that has budgets."""
    return frozenset(_ENTITY_TYPES)


def given(text: str | None) -> str | None:
    """The text, or None when it is missing or blank."""
    return text if text and not text.isspace() else None


def _escape_colon(text: str) -> str:
    return text.replace("%", "%25").replace(":", "%3A")
