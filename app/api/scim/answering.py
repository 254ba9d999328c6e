"""The answers to directories. Loads ``scim2_models``: ``routes`` imports it for the first request only."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request
from scim2_models import Context, Meta, Resource
from werkzeug.exceptions import Forbidden, PreconditionFailed

from app.api.scim.errors import PREFIX
from app.api.scim.filters import OF_GROUPS, OF_USERS, condition_of
from app.api.scim.guard import directory
from app.api.scim.patching import patched_group, patched_user
from app.api.scim.schemas import CONFIG, RESOURCE_TYPES, SCHEMAS
from app.api.scim.translating import (
    group_in,
    group_of,
    listed,
    person_in,
    shown,
    user_of,
    version_of,
)
from app.domain import provisioned
from app.domain.errors import BadRequest, NotFound
from app.domain.identity import USER_ID
from app.domain.provisioned import Found, Person, ProvisionedGroup, ProvisionedUser
from app.http.body import SCIM
from app.http.context import parts, services
from app.http.proxies import is_https

COUNT = 100
"""Resources in a page where the query does not say."""

FURTHEST = 10**9

Members = dict[str, Any]


class Answering:
    """Answers one request each: translates it, calls one service, and translates back."""

    def __init__(self) -> None:
        self._scim = services().scim
        self._base = _base()

    def users(self) -> Response:
        start, count = _page()
        found = self._scim.users.search(condition_of(request.args.get("filter"), OF_USERS), start, count)
        return _answer(listed(found, [user_of(each, self._base) for each in found.items], request.args))

    def user(self, user_id: str) -> Response:
        return self._show_user(self._scim.users.find(_id(user_id, "user")), Context.RESOURCE_QUERY_RESPONSE)

    def create_user(self) -> Response:
        person, _ = person_in(_body())
        made = self._scim.users.add(person, directory())
        return self._show_user(made, Context.RESOURCE_CREATION_RESPONSE, 201)

    def replace_user(self, user_id: str) -> Response:
        person, says_active = person_in(_body(), is_replacement=True)

        def change(known: ProvisionedUser) -> Person:
            _refuse_other_version(known)
            return person if says_active else replace(person, is_active=known.person.is_active)

        changed = self._scim.users.change(_id(user_id, "user"), change, directory())
        return self._show_user(changed, Context.RESOURCE_REPLACEMENT_RESPONSE)

    def change_user(self, user_id: str) -> Response:
        patch = patched_user(_body())

        def change(known: ProvisionedUser) -> Person:
            _refuse_other_version(known)
            return patch(known)

        changed = self._scim.users.change(_id(user_id, "user"), change, directory())
        return self._show_user(changed, Context.RESOURCE_PATCH_RESPONSE)

    def delete_user(self, user_id: str) -> Response:
        self._scim.users.remove(_id(user_id, "user"), _refuse_other_version, directory())
        return Response(status=204)

    def groups(self) -> Response:
        start, count = _page()
        condition = condition_of(request.args.get("filter"), OF_GROUPS)
        found = self._scim.groups.search(condition, start, count, with_members=_wants_members())
        return _answer(listed(found, [group_of(each, self._base) for each in found.items], request.args))

    def group(self, group_id: str) -> Response:
        found = self._scim.groups.find(_id(group_id, "group"), with_members=_wants_members())
        return self._show_group(found, Context.RESOURCE_QUERY_RESPONSE)

    def create_group(self) -> Response:
        made = self._scim.groups.add(group_in(_body()), directory())
        return self._show_group(made, Context.RESOURCE_CREATION_RESPONSE, 201)

    def replace_group(self, group_id: str) -> Response:
        group = group_in(_body(), is_replacement=True)

        def change(known: ProvisionedGroup) -> provisioned.Group:
            _refuse_other_version(known)
            return group

        changed = self._scim.groups.change(_id(group_id, "group"), change, directory())
        return self._show_group(changed, Context.RESOURCE_REPLACEMENT_RESPONSE)

    def change_group(self, group_id: str) -> Response:
        """Without the group in the answer, which may have thousands of members (RFC 7644, section 3.5.2)."""
        patch = patched_group(_body())

        def change(known: ProvisionedGroup) -> provisioned.Group:
            _refuse_other_version(known)
            return patch(known)

        changed = self._scim.groups.change(_id(group_id, "group"), change, directory())
        if request.args.get("attributes"):
            return self._show_group(changed, Context.RESOURCE_PATCH_RESPONSE)
        answer = Response(status=204)
        answer.headers["ETag"] = version_of(changed)
        return answer

    def delete_group(self, group_id: str) -> Response:
        self._scim.groups.remove(_id(group_id, "group"), _refuse_other_version, directory())
        return Response(status=204)

    def config(self) -> Response:
        return _answer(self._discovered(CONFIG, "/ServiceProviderConfig", "ServiceProviderConfig"))

    def schemas(self) -> Response:
        return self._list([self._discovered(each, f"/Schemas/{each.id}", "Schema") for each in SCHEMAS])

    def schema(self, schema_id: str) -> Response:
        found = next((each for each in SCHEMAS if str(each.id).lower() == schema_id.lower()), None)
        if found is None:
            raise NotFound("schema")
        return _answer(self._discovered(found, f"/Schemas/{found.id}", "Schema"))

    def resource_types(self) -> Response:
        types = [self._discovered(each, f"/ResourceTypes/{each.name}", "ResourceType") for each in RESOURCE_TYPES]
        return self._list(types)

    def resource_type(self, name: str) -> Response:
        found = next((each for each in RESOURCE_TYPES if each.name == name), None)
        if found is None:
            raise NotFound("type of resources")
        return _answer(self._discovered(found, f"/ResourceTypes/{found.name}", "ResourceType"))

    def _discovered(self, resource: Resource[Any], path: str, kind: str) -> Members:
        meta = Meta(resource_type=kind, location=f"{self._base}{path}")
        return shown(resource.model_copy(update={"meta": meta}), {}, Context.RESOURCE_QUERY_RESPONSE)

    @staticmethod
    def _list(items: Sequence[Members]) -> Response:
        if "filter" in request.args:  # RFC 7644, section 4
            raise Forbidden
        found: Found[Members] = Found(list(items), len(items), 1)
        return _answer(listed(found, list(items), {}))

    def _show_user(self, known: ProvisionedUser, context: Context, status: int = 200) -> Response:
        return _answer_with(user_of(known, self._base), version_of(known), context, status)

    def _show_group(self, known: ProvisionedGroup, context: Context, status: int = 200) -> Response:
        return _answer_with(group_of(known, self._base), version_of(known), context, status)


def _answer_with(resource: Resource[Any], version: str, context: Context, status: int) -> Response:
    if request.method == "GET" and request.if_none_match.contains_weak(_tag(version)):
        answer = Response(status=304)
    else:
        answer = _answer(shown(resource, request.args, context), status)
    assert resource.meta is not None
    answer.headers["ETag"] = version
    answer.headers["Location"] = str(resource.meta.location)
    return answer


def _answer(members: Members, status: int = 200) -> Response:
    answer = jsonify(members)
    answer.status_code = status
    answer.mimetype = SCIM
    return answer


def _body() -> Members:
    return parts().bodies.read_scim(request)


def _base() -> str:
    """The address of SCIM: below the public URL, or else as the directory sees it."""
    if parts().public_url:
        return f"{parts().public_url}{PREFIX}v2"
    scheme = "https" if is_https(request.environ, parts().proxies) else "http"
    return f"{scheme}://{request.host}{PREFIX}v2"


def _id(text: str, what: str) -> int:
    """The id in a path; refuses with NotFound text that is none."""
    if not USER_ID.fullmatch(text):
        raise NotFound(what)
    return int(text)


def _page() -> tuple[int, int]:
    """Place of the first, from one, and how many at most (RFC 7644, section 3.4.2.4)."""
    return max(1, _number("startIndex", 1)), max(0, _number("count", COUNT))


def _number(name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        number = int(text) if text.isascii() and len(text) <= 10 else FURTHEST + 1
    except ValueError:
        number = FURTHEST + 1
    if abs(number) > FURTHEST:
        message = f"{name} is a whole number."
        raise BadRequest(message, {name: [message]})
    return number


def _wants_members() -> bool:
    """Whether the query asks for the members of groups, which may be thousands."""
    chosen, excluded = (_names(each) for each in ("attributes", "excludedAttributes"))
    return any(each.startswith("members") for each in chosen) if chosen else "members" not in excluded


def _names(parameter: str) -> set[str]:
    """As the last part of an attribute's name: it may have that of its schema before it."""
    text = request.args.get(parameter, "")
    return {each.strip().rpartition(":")[2].lower() for each in text.split(",") if each.strip()}


def _tag(version: str) -> str:
    return version.removeprefix("W/").strip('"')


def _refuse_other_version(known: ProvisionedUser | ProvisionedGroup) -> None:
    """Refuse with 412 where the request names another version (RFC 7644, section 3.14)."""
    tags = request.if_match
    if "If-Match" in request.headers and not tags.contains_weak(_tag(version_of(known))):
        raise PreconditionFailed
